"""When a schedule runs next: the schedule objects of celery and django-celery-beat are asked."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any

from django_celery_beat.models import PeriodicTask

from apps.schedules import rules
from apps.schedules.rules import Rule, RuleError


def next_run(schedule: PeriodicTask, now: datetime) -> datetime | None:
    """When beat fires it next; None if it is disabled or has had its last run. Raises RuleError."""
    if not schedule.enabled:
        return None
    return next(runs(schedule, now), None)


def next_runs(schedule: PeriodicTask, now: datetime, count: int = 5) -> list[datetime]:
    """The next runs, for a disabled schedule those it had if it were enabled now. Raises RuleError."""
    return list(islice(runs(schedule, now), count))


def runs(schedule: PeriodicTask, now: datetime) -> Iterator[datetime]:
    rule = rules.of(schedule)
    if rule is None or (schedule.one_off and schedule.enabled and schedule.total_run_count):
        return
    moments = all_runs(schedule, rule, now.astimezone(UTC))
    for moment in islice(moments, 1) if schedule.one_off else moments:
        if schedule.expires and moment >= schedule.expires:
            return
        yield moment


def all_runs(schedule: PeriodicTask, rule: Rule, now: datetime) -> Iterator[datetime]:
    if rule.kind == "clocked":
        yield max(rule.row.clocked_time, now)
        return
    clock = rules.build(rule.row)
    moment = first_run(schedule, clock, now)
    while True:
        yield moment
        following = after(clock, moment, moment)
        if following <= moment:
            return
        moment = following


def first_run(schedule: PeriodicTask, clock: Any, now: datetime) -> datetime:
    """Beat counts from the last run, without one from the last change; what is overdue runs at once."""
    begin: datetime | None = schedule.start_time
    last_run: datetime | None = schedule.last_run_at
    if begin and begin > now:
        if schedule.crontab_id is not None:
            return after(clock, begin, now)
        return max(begin, after(clock, last_run, now)) if last_run else begin
    if not schedule.enabled:
        return after(clock, now, now)
    if begin and not last_run:
        return now
    return max(now, after(clock, last_run or schedule.date_changed or now, now))


def after(clock: Any, last_run: datetime, now: datetime) -> datetime:
    """The run that follows `last_run`, which celery expresses as seconds from now."""
    clock.nowfun = lambda: now
    try:
        left: timedelta = clock.remaining_estimate(last_run)
    except (RuntimeError, OverflowError, ValueError) as error:
        raise RuleError(str(error)) from error
    return now + left
