"""Schedules on and off, so that a running beat sees it and nothing fires by surprise."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Case, F, IntegerField, Q, When
from django.utils.timezone import now as current_time
from django_celery_beat.models import PeriodicTask, PeriodicTasks


def enable(schedules: Any) -> int:
    """Enables those of the queryset that are off, and counts them. Those whose time is over stay off.

    Beat runs an interval that was last changed long ago, or one that began in the past and never
    ran, at once. So both times are set to now: the first run is the next one by the rule.
    """
    now = current_time()
    begun = Case(When(start_time__lte=now, then=now), default=F("last_run_at"))
    with transaction.atomic():
        count = (
            schedules.filter(enabled=False)
            .exclude(is_over(now))
            .update(enabled=True, date_changed=now, last_run_at=begun, total_run_count=run_count())
        )
        announce()
    return int(count)


def disable(schedules: Any) -> int:
    """Disables those of the queryset that are on, and counts them."""
    with transaction.atomic():
        count = schedules.filter(enabled=True).update(
            enabled=False, date_changed=current_time(), last_run_at=None
        )
        announce()
    return int(count)


def is_over(now: datetime) -> Q:
    """A time that has passed, or an end that has."""
    return Q(clocked__clocked_time__lte=now) | Q(expires__lte=now)


def set_off(schedule: PeriodicTask) -> None:
    """Prepares a schedule that a form switches on, as `enable` does."""
    now = current_time()
    schedule.last_run_at = now if schedule.start_time and schedule.start_time <= now else None
    if schedule.one_off:
        schedule.total_run_count = 0


def announce() -> None:
    """Beat reloads when this time moves. A queryset's update sends no signal that would move it."""
    PeriodicTasks.update_changed()


def run_count() -> Case:
    """Beat disables a one-off that has run, so its count starts again."""
    return Case(When(one_off=True, then=0), default=F("total_run_count"), output_field=IntegerField())
