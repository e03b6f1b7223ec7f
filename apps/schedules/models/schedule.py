from django.db import models
from django.utils.translation import gettext_lazy as _


class Schedule(models.Model):  # noqa: DJ008 - it has no rows
    """Has no table: the permissions that act on beat's schedules hang on it."""

    class Meta:
        managed = False
        default_permissions = ()
        permissions = (
            ("run_schedule", _("Can run a schedule now")),
            ("enable_schedule", _("Can enable schedules")),
            ("disable_schedule", _("Can disable schedules")),
            ("pause_schedule", _("Can pause and resume schedules")),
        )
        verbose_name = _("schedule")
        verbose_name_plural = _("schedules")
