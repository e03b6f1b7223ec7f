"""Computing the next run of schedules that were created, switched on or changed since the last look."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.timezone import now as current_time

from apps.schedules import rules
from apps.schedules.models import Stale, Timing
from apps.schedules.timetable.due import INSTANT, anchor_of, next_or_problem
from apps.schedules.timetable.writing import write_timings

NEWEST, OLDEST = 400, 100  # of one round


def renew_stale() -> int:
    """Returns how many there were, at most NEWEST + OLDEST."""
    with transaction.atomic():
        timings = next_stale()
        for timing in timings:
            renew(timing)
        write_timings(timings)
    return len(timings)


def next_stale() -> list[Timing]:
    """The newest, so that a person's edit overtakes a mass of others; and some of the oldest, so that
    none waits for ever while more and more are changed.
    """
    stale = Timing.objects.exclude(stale="")
    newest = claimed(stale.order_by("-stale_since"), NEWEST)
    if len(newest) < NEWEST:
        return newest
    others = stale.exclude(pk__in=[timing.pk for timing in newest])
    return newest + claimed(others.order_by("stale_since"), OLDEST)


def renew_problems() -> int:
    """Asks anew for those without a next run: a time zone may have come back, say. Counts them."""
    known = Timing.objects.filter(stale="").exclude(problem="")
    return known.update(stale=Stale.EDITED, stale_since=current_time())


def claimed(timings: Any, limit: int) -> list[Timing]:
    """With all that a schedule's due times depend on, locked; what another beat has is passed over.

    The schedules are locked too. Who edits one has its row and waits for its timing: beat, which has the
    timing, must not wait for the row.
    """
    found = timings.select_related("periodic_task", *(f"periodic_task__{kind}" for kind in rules.KINDS))
    return list(found.select_for_update(skip_locked=True, of=("self", "periodic_task"), no_key=True)[:limit])


def renew(timing: Timing) -> None:
    """Sets its next run, counted from the moment of the change, so that the change itself fires nothing."""
    schedule, kind = timing.periodic_task, timing.stale
    since: Any = timing.stale_since
    timing.stale, timing.stale_since, timing.problem = Stale.NOTHING, None, ""
    still_due = kind == Stale.EDITED and timing.next_run_at is not None and timing.next_run_at <= since
    if not is_on(timing):
        timing.next_run_at = None
        return
    if kind != Stale.EDITED or timing.anchor_at is None:
        timing.anchor_at = anchor_of(schedule, since)
    if not still_due:
        asked = after(timing, kind, since)
        timing.next_run_at, timing.problem = next_or_problem(schedule, timing.anchor_at, asked)


def is_on(timing: Timing) -> bool:
    return timing.periodic_task.enabled and (timing.paused_at is None or timing.paused_until is not None)


def after(timing: Timing, kind: str, since: datetime) -> datetime:
    """The next run comes after this. A single time that had passed when it was written down was missed."""
    schedule = timing.periodic_task
    if kind == Stale.CREATED and schedule.clocked_id is not None:
        since = min(since, schedule.clocked.clocked_time - INSTANT)
    passed = [since, timing.last_due_at, timing.paused_until and timing.paused_until - INSTANT]
    return max(moment for moment in passed if moment)
