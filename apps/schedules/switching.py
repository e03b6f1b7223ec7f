"""Schedules on and off. A trigger tells beat; what was switched on runs next when its rule says."""

from datetime import datetime
from typing import Any

from django.db.models import Q
from django.utils.timezone import now as current_time


def enable(schedules: Any) -> int:
    """Enables those of the queryset that are off, and counts them. Those whose time is over stay off."""
    now = current_time()
    off = schedules.filter(enabled=False).exclude(is_over(now))
    return int(off.update(enabled=True, date_changed=now))


def disable(schedules: Any) -> int:
    """Disables those of the queryset that are on, and counts them."""
    return int(schedules.filter(enabled=True).update(enabled=False, date_changed=current_time()))


def is_over(now: datetime) -> Q:
    """A time that has passed, or an end that has."""
    return Q(clocked__clocked_time__lte=now) | Q(expires__lte=now)
