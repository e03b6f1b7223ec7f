from django.db import models
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask


class Look(models.Model):
    """How far a watch has looked: what happened until then it knows."""

    watch = models.CharField(primary_key=True, max_length=50)
    reached_at = models.DateTimeField()

    class Meta:
        default_permissions = ()
        verbose_name = _("look")
        verbose_name_plural = _("looks")

    def __str__(self) -> str:
        return f"{self.watch}: {self.reached_at:%Y-%m-%d %H:%M:%S}"


class Streak(models.Model):
    """The failures in a row of a schedule that fails again and again. A success deletes the row."""

    periodic_task = models.OneToOneField(
        PeriodicTask, on_delete=models.CASCADE, primary_key=True, related_name="streak"
    )
    failures = models.PositiveIntegerField(_("failures"))
    first_job = models.CharField(_("first job"), max_length=255)
    began_at = models.DateTimeField(_("began"))

    class Meta:
        default_permissions = ()
        verbose_name = _("streak of failures")
        verbose_name_plural = _("streaks of failures")

    def __str__(self) -> str:
        return f"{self.periodic_task_id}: {self.failures}"
