"""What runs, what failed, how much of what: each looks at a bounded number of jobs."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Q
from django.db.models.functions import TruncMinute

from apps.jobs import reading
from apps.jobs.reading import JobView
from apps.jobs.states import FINISHED, State

COUNTED = 20_000  # a page counts no further than this, however many jobs there are


@dataclass(frozen=True)
class Counts:
    """Jobs by state. `partial`: there were more, and only the newest `limit` were looked at."""

    by_state: dict[str, int]
    partial: bool
    limit: int


@dataclass(frozen=True)
class Endings:
    """Ended jobs by minute and state. Only from `since` on is every job counted."""

    by_minute: dict[datetime, dict[str, int]]
    since: datetime


def running(limit: int) -> list[JobView]:
    """What workers run now, the longest-running first: few rows, found by their state."""
    found = reading.rows(status=State.STARTED).order_by("date_started", "id")
    return [reading.view(row) for row in found[:limit]]


def failed(since: datetime, limit: int) -> list[JobView]:
    """The latest failures since then."""
    found = reading.rows(status=State.FAILURE, date_done__gte=since).order_by("-date_done")
    return [reading.view(row) for row in found[:limit]]


def counts(since: datetime) -> Counts:
    """How many jobs submitted since then are in which state."""
    asked = {state.value: Count("pk", filter=Q(status=state)) for state in State}
    found = reading.rows(date_created__gte=since)[:COUNTED].aggregate(**asked)
    return Counts(found, partial=sum(found.values()) >= COUNTED, limit=COUNTED)


def endings(since: datetime) -> Endings:
    """How many jobs ended in each minute since then, by state."""
    ended = reading.rows(date_done__gte=since, status__in=FINISHED).order_by("-date_done")
    grouped = (
        reading.rows(pk__in=ended.values("pk")[:COUNTED])
        .annotate(minute=TruncMinute("date_done"))
        .values_list("minute", "status")
        .annotate(number=Count("pk"))
    )
    found: dict[datetime, dict[str, int]] = defaultdict(dict)
    for minute, state, number in grouped.order_by("minute"):
        found[minute][state] = number
    partial = sum(sum(states.values()) for states in found.values()) >= COUNTED
    return Endings(dict(found), min(found) + timedelta(minutes=1) if partial else since)
