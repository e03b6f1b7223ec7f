"""When a schedule is due: its rule as pure arithmetic, within its start and its end."""

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from apps.schedules import rules
from apps.schedules.moments import Crontab, Every, MomentError, NeverDue, Once, Rule, Sun
from apps.schedules.rules import RuleError

logger = logging.getLogger(__name__)

INSTANT = timedelta(microseconds=1)


def rule_of(schedule: PeriodicTask, anchor: datetime) -> Rule:
    """Intervals are counted from `anchor`. Raises RuleError."""
    found = only_rule(schedule)
    build = BUILDERS[found.kind]
    try:
        return build(found.row, anchor)
    except NeverDue as error:
        raise RuleError(_("no such date exists, so this would never run"), "day_of_month") from error
    except (ValueError, OverflowError) as error:
        raise RuleError(str(error)) from error


def only_rule(schedule: PeriodicTask) -> rules.Rule:
    """SQL can write none, or several: none of them is more right than the others."""
    kinds = [kind for kind in rules.KINDS if getattr(schedule, f"{kind}_id") is not None]
    if len(kinds) > 1:
        raise RuleError(_("expected one rule, got %s") % ", ".join(kinds))
    found = rules.of(schedule)
    if found is None:
        raise RuleError(_("it has no rule"))
    return found


def next_or_problem(schedule: PeriodicTask, anchor: datetime, after: datetime) -> tuple[datetime | None, str]:
    """The next due time, or why there can be none: one schedule must not hold up all others."""
    try:
        return next_due(schedule, anchor, after), ""
    except RuleError as error:
        return None, str(error)
    except Exception as error:
        logger.exception("the next run of schedule %s can't be told", schedule.name)
        return None, f"{type(error).__name__}: {error}"


def next_due(schedule: PeriodicTask, anchor: datetime, after: datetime) -> datetime | None:
    """The first due time after that; None when there is none any more. Raises RuleError."""
    rule = rule_of(schedule, anchor)
    rules.check_times(
        schedule.start_time, schedule.expires, schedule.clocked and schedule.clocked.clocked_time
    )
    if schedule.start_time and schedule.start_time > after:
        after = schedule.start_time - INSTANT
    try:
        found = rule.next_after(after.astimezone(UTC))
    except MomentError as error:
        raise RuleError(str(error)) from error
    return None if found and schedule.expires and found >= schedule.expires else found


def anchor_of(schedule: PeriodicTask, since: datetime) -> datetime:
    """From when its intervals are counted if it was switched on then: its start is the first due time."""
    start: datetime | None = schedule.start_time
    if schedule.interval is None or start is None or start <= since:
        return since
    try:
        return start - length(schedule.interval)
    except (RuleError, OverflowError):
        return since  # what is wrong with its rule, its next run tells


def length(row: Any) -> timedelta:
    rules.check_interval(row)
    return timedelta(**{row.period: row.every})


def crontab(row: Any, _anchor: datetime) -> Rule:
    rules.check_zone(row)
    fields = [getattr(row, name) for name in rules.CRON_FIELDS]
    minute, hour, day_of_month, month_of_year, day_of_week = [value.replace(" ", "") for value in fields]
    return Crontab(minute, hour, day_of_month, month_of_year, day_of_week, zone=row.timezone)


BUILDERS: dict[str, Callable[[Any, datetime], Rule]] = {
    "interval": lambda row, anchor: Every(length(row), anchor),
    "crontab": crontab,
    "clocked": lambda row, _anchor: Once(row.clocked_time),
    "solar": lambda row, _anchor: Sun(row.event, float(row.latitude), float(row.longitude)),
}
