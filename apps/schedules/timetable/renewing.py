"""Computing the next run of schedules that were created, switched on or changed since the last look."""

import logging
from datetime import datetime
from typing import Any

from django.db import DataError, transaction
from django.utils.timezone import now as current_time

from apps.schedules import rules
from apps.schedules.models import Stale, Timing
from apps.schedules.timetable.due import INSTANT, anchor_of, next_or_problem
from apps.schedules.timetable.writing import write_timings

logger = logging.getLogger(__name__)

BATCH = 1000
UNREADABLE = (DataError, ValueError)


def renew_stale() -> int:
    """Returns how many there were, at most BATCH: the newest, so that an edit waits for no mass of others."""
    with transaction.atomic():
        timings = claimed(Timing.objects.exclude(stale="").order_by("-stale_since"), BATCH)
        for timing in timings:
            renew(timing)
        write_timings(timings)
    return len(timings)


def renew_problems() -> int:
    """Asks anew for those without a next run: a time zone may have come back, say. Counts them."""
    known = Timing.objects.filter(stale="").exclude(problem="")
    return known.update(stale=Stale.EDITED, stale_since=current_time())


def claimed(timings: Any, limit: int) -> list[Timing]:
    """With all that a schedule's due times depend on, locked; what another beat has is passed over.

    So is one that can't be read, such as one with a time that only SQL can write: that is its problem.
    """
    try:
        return list(whole(timings)[:limit])
    except UNREADABLE:
        keys = list(timings.select_for_update(skip_locked=True).values_list("pk", flat=True)[:limit])
        return [timing for key in keys for timing in readable(key)]


def whole(timings: Any) -> Any:
    """The schedules are locked too. Who edits one has its row and waits for its timing: beat, which has the
    timing, must not wait for the row.
    """
    found = timings.select_related("periodic_task", *(f"periodic_task__{kind}" for kind in rules.KINDS))
    return found.select_for_update(skip_locked=True, of=("self", "periodic_task"), no_key=True)


def readable(key: int) -> list[Timing]:
    """The one with this key, or none once its problem is written down."""
    one = Timing.objects.filter(pk=key)
    try:
        return list(whole(one))
    except UNREADABLE as error:
        logger.warning("schedule %s can't be read: %s", key, error)
        one.update(next_run_at=None, stale="", stale_since=None, problem=str(error))
        return []


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
