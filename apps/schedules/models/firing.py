from typing import ClassVar

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from apps.schedules.policies import PASSED_OVER, FiringOutcome


class Firing(models.Model):
    """One due time of a schedule and what was done about it; of `count` due times if nothing was done.

    The unique pair of schedule and due time is what makes each fire once, with any number of beats.
    `cancels` is the job that gives way to this one, until it was cancelled.
    """

    schedule = models.ForeignKey(
        PeriodicTask, on_delete=models.CASCADE, related_name="firings", db_index=False
    )
    due_at = models.DateTimeField(_("due"))
    until = models.DateTimeField(_("until"), null=True)
    count = models.PositiveIntegerField(_("due times"), default=1)
    decided_at = models.DateTimeField(_("decided"))
    outcome = models.CharField(_("outcome"), max_length=10, choices=FiringOutcome)
    caught_up = models.BooleanField(_("caught up"), default=False)
    job = models.CharField(_("job"), max_length=255, default="", blank=True)
    cancels = models.CharField(max_length=255, default="", blank=True)
    note = models.TextField(_("note"), default="", blank=True)
    lag = models.GeneratedField(
        verbose_name=_("lag"),
        expression=F("decided_at") - F("due_at"),
        output_field=models.DurationField(),
        db_persist=True,
    )

    class Meta:
        default_permissions = ("view",)
        verbose_name = _("firing")
        verbose_name_plural = _("firings")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["schedule", "due_at"], name="one_firing_for_each_due_time")
        ]
        indexes: ClassVar = [
            models.Index(fields=["decided_at"], name="firing_by_time"),
            models.Index(fields=["schedule"], name="firing_waiting", condition=Q(outcome="waiting")),
            models.Index(fields=["decided_at"], name="firing_missed", condition=Q(outcome__in=PASSED_OVER)),
            models.Index(fields=["cancels"], name="firing_cancels", condition=~Q(cancels="")),
        ]

    def __str__(self) -> str:
        return f"{self.schedule_id} {self.due_at:%Y-%m-%d %H:%M:%S} {self.outcome}"
