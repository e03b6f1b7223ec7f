"""What runs, what failed, how much of what: each looks at a bounded number of jobs."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import connection
from django.db.models import Count, Q

from apps.jobs.models import Job
from apps.jobs.reading.jobview import JobView
from apps.jobs.reading.rows import lines, rows
from apps.jobs.states import State

COUNTED = 20_000  # a page counts no further than this, however many jobs there are
ENDINGS = """
SELECT date_trunc('minute', finished_at) AS minute, state, count(*) FROM (
    SELECT finished_at, state FROM jobs_job WHERE finished_at >= %s ORDER BY finished_at DESC LIMIT %s
) AS ended GROUP BY minute, state ORDER BY minute
"""


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
    return lines(rows(state=State.STARTED).order_by("started_at", "id")[:limit])


def failed(since: datetime, limit: int) -> list[JobView]:
    """The latest failures since then."""
    return lines(rows(state=State.FAILURE, finished_at__gte=since).order_by("-finished_at")[:limit])


def counts(since: datetime) -> Counts:
    """How many jobs submitted since then are in which state."""
    asked = {state.value: Count("pk", filter=Q(state=state)) for state in State}
    newest = Job.objects.filter(submitted_at__gte=since).order_by("-submitted_at", "-id")
    found = newest[:COUNTED].aggregate(**asked)
    return Counts(found, partial=sum(found.values()) >= COUNTED, limit=COUNTED)


def endings(since: datetime) -> Endings:
    """How many jobs ended in each minute since then, by state."""
    found: dict[datetime, dict[str, int]] = defaultdict(dict)
    with connection.cursor() as cursor:
        cursor.execute(ENDINGS, [since, COUNTED])
        for minute, state, number in cursor.fetchall():
            found[minute][state] = number
    partial = sum(sum(states.values()) for states in found.values()) >= COUNTED
    return Endings(dict(found), min(found) + timedelta(minutes=1) if partial else since)
