"""When a schedule runs next, as beat will: by its timing and the same arithmetic."""

from collections.abc import Iterator
from copy import copy
from datetime import datetime
from itertools import islice

from django_celery_beat.models import PeriodicTask

from apps.schedules.models import Stale, Timing
from apps.schedules.moments import Crontab
from apps.schedules.rules import RuleError
from apps.schedules.timetable.due import INSTANT, anchor_of, next_due, rule_of


def next_run(schedule: PeriodicTask, now: datetime) -> datetime | None:
    """When beat fires it next; None if it is disabled, paused or over. Raises RuleError."""
    return next(runs(schedule, timing_of(schedule), now), None) if schedule.enabled else None


def next_runs(schedule: PeriodicTask, now: datetime, count: int = 5) -> list[datetime]:
    """The next runs, for a disabled schedule those it had if it were enabled now. Raises RuleError."""
    return list(islice(runs(schedule, timing_of(schedule), now), count))


def runs_if_saved(schedule: PeriodicTask, now: datetime, count: int = 5) -> list[datetime]:
    """The next runs if it were saved now as it is here, enabled, and a pause without end were over.

    Its rule may be one that isn't saved yet. Raises RuleError.
    """
    timing = copy(timing_of(schedule))
    timing.stale = timing.stale or Stale.EDITED
    if timing.paused_until is None:
        timing.paused_at = None
    return list(islice(runs(schedule, timing, now), count))


def runs(schedule: PeriodicTask, timing: Timing, now: datetime) -> Iterator[datetime]:
    """As beat's renewing of a timing has it: an edit leaves the anchor of intervals where it is."""
    if timing.paused_at and not timing.paused_until:
        return
    known = schedule.enabled and not timing.stale
    if known and timing.problem:
        raise RuleError(timing.problem)
    kept = schedule.enabled and timing.anchor_at and timing.stale in {Stale.NOTHING, Stale.EDITED}
    anchor = timing.anchor_at if kept and timing.anchor_at else anchor_of(schedule, now)
    after = max(now, timing.paused_until - INSTANT) if timing.paused_until else now
    moment = timing.next_run_at if known else next_due(schedule, anchor, after)
    while moment is not None:
        yield moment
        moment = None if schedule.one_off else next_due(schedule, anchor, moment)


def skipped(schedule: PeriodicTask, moment: datetime) -> datetime | None:
    """The local time that the clocks skip and this run stands for; None for an ordinary run."""
    rule = rule_of(schedule, moment)
    return rule.skipped(moment) if isinstance(rule, Crontab) else None


def timing_of(schedule: PeriodicTask) -> Timing:
    """Of one that is not saved yet, what it begins with."""
    try:
        timing: Timing = schedule.timing
    except Timing.DoesNotExist:
        return Timing(periodic_task=schedule)
    return timing
