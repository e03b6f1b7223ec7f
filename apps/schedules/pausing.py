"""Pausing schedules for a while, with a reason: what is due meanwhile is passed over, and isn't missed."""

from datetime import datetime
from typing import Any

from django.utils.timezone import now as current_time
from django.utils.translation import gettext as _

from apps.jobs.errors import ArgumentError
from apps.schedules.models import Stale, Timing

BY_LENGTH, REASON_LENGTH = 150, 500


def pause(schedules: Any, *, by: str = "", reason: str = "", until: datetime | None = None) -> int:
    """Pauses those of the queryset that aren't paused, and counts them. Raises ArgumentError."""
    now = current_time()
    if until is not None and until <= now:
        raise ArgumentError({"until": _("expected a time to come")})
    if len(by) > BY_LENGTH or len(reason) > REASON_LENGTH:
        raise ArgumentError({"reason": _("expected at most %d characters") % REASON_LENGTH})
    running = Timing.objects.filter(periodic_task__in=schedules, paused_at=None)
    return running.update(
        paused_at=now, paused_until=until, paused_by=by, pause_reason=reason,
        next_run_at=None, stale=Stale.EDITED, stale_since=now,
    )  # fmt: skip


def resume(schedules: Any) -> int:
    """Ends the pause of those of the queryset that are paused, and counts them."""
    paused = Timing.objects.filter(periodic_task__in=schedules, paused_at__isnull=False)
    return paused.update(
        paused_at=None, paused_until=None, paused_by="", pause_reason="",
        stale=Stale.EDITED, stale_since=current_time(),
    )  # fmt: skip


def words(timing: Timing) -> str:
    """Who paused it, until when and why; "" if nobody did."""
    if timing.paused_at is None:
        return ""
    said = _("paused by %s") % timing.paused_by if timing.paused_by else _("paused")
    if timing.paused_until:
        said += " " + _("until %s") % timing.paused_until.strftime("%Y-%m-%d %H:%M %Z")
    return f"{said}: {timing.pause_reason}" if timing.pause_reason else said
