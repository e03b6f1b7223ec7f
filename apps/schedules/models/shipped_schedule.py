from typing import Any

from django.db import models
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask


class ShippedSchedule(models.Model):
    """A schedule that came with the code. `declared` is what the code said when it last wrote it.

    Without a `periodic_task` a person deleted it. `retired`: the code no longer ships it.
    """

    periodic_task = models.OneToOneField(
        PeriodicTask, null=True, on_delete=models.SET_NULL, related_name="shipped"
    )
    name = models.CharField(_("name"), max_length=200, unique=True)
    declared: "models.JSONField[dict[str, Any], dict[str, Any]]" = models.JSONField(_("declared"))
    retired = models.BooleanField(_("retired"), default=False)

    class Meta:
        default_permissions = ()
        verbose_name = _("shipped schedule")
        verbose_name_plural = _("shipped schedules")

    def __str__(self) -> str:
        return self.name
