from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from apps.schedules.policies import MISSED_WINDOW_SECONDS, Missed, Overlap


class Stale(models.TextChoices):
    """What was done to a schedule since its next run was computed."""

    NOTHING = "", ""
    CREATED = "created", _("created")
    ENABLED = "enabled", _("enabled")
    EDITED = "edited", _("edited")


class Timing(models.Model):
    """When a schedule runs next, and its policies: one row beside each PeriodicTask.

    A trigger makes the row, and notes in `stale` and `stale_since` whatever changes the due times, by
    whichever way; beat then computes `next_run_at`, which is null while there is nothing to wait for
    (disabled, paused, over, or `problem` says why). `anchor_at` is what intervals are counted from.
    `last_due_at` is the latest due time that was decided on.
    """

    periodic_task = models.OneToOneField(
        PeriodicTask, on_delete=models.CASCADE, primary_key=True, related_name="timing"
    )
    next_run_at = models.DateTimeField(_("next run"), null=True, editable=False)
    stale = models.CharField(max_length=10, choices=Stale, default="", db_default="", editable=False)
    stale_since = models.DateTimeField(null=True, editable=False)
    anchor_at = models.DateTimeField(null=True, editable=False)
    last_due_at = models.DateTimeField(_("last due"), null=True, editable=False)
    last_job = models.CharField(max_length=255, default="", db_default="", editable=False)
    problem = models.TextField(_("problem"), default="", db_default="", editable=False)

    missed = models.CharField(
        _("missed runs"), max_length=10, choices=Missed, default=Missed.ONCE, db_default=Missed.ONCE
    )
    missed_window_seconds = models.PositiveIntegerField(
        _("window for missed runs (seconds)"),
        default=MISSED_WINDOW_SECONDS,
        db_default=MISSED_WINDOW_SECONDS,
    )
    overlap = models.CharField(
        _("while the last job is still there"),
        max_length=10,
        choices=Overlap,
        default=Overlap.ALLOW,
        db_default=Overlap.ALLOW,
    )
    jitter_seconds = models.PositiveIntegerField(_("jitter (seconds)"), default=0, db_default=0)
    late_seconds_max = models.PositiveIntegerField(_("latest start (seconds)"), null=True, blank=True)
    owner = models.CharField(_("owner"), max_length=150, default="", db_default="", blank=True)

    paused_at = models.DateTimeField(_("paused"), null=True, editable=False)
    paused_until = models.DateTimeField(_("paused until"), null=True, editable=False)
    paused_by = models.CharField(_("paused by"), max_length=150, default="", db_default="", editable=False)
    pause_reason = models.CharField(_("why"), max_length=500, default="", db_default="", editable=False)

    class Meta:
        default_permissions = ()
        verbose_name = _("timing")
        verbose_name_plural = _("timings")
        indexes: ClassVar = [
            models.Index(fields=["next_run_at"], name="timing_due", condition=Q(next_run_at__isnull=False)),
            models.Index(fields=["stale_since"], name="timing_stale", condition=~Q(stale="")),
        ]

    def __str__(self) -> str:
        return f"{self.periodic_task_id}: {self.next_run_at}"
