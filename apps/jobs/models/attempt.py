from typing import ClassVar

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.jobs.models.job import Job
from apps.jobs.states import Outcome


class Attempt(models.Model):
    """One try of a job. `token` is the place in the stream of its start: newer tries have larger ones."""

    pk = models.CompositePrimaryKey("job_id", "token")
    job = models.ForeignKey(
        Job, on_delete=models.CASCADE, db_constraint=False, db_index=False, related_name="tries"
    )
    token = models.BigIntegerField()
    number = models.IntegerField(_("attempt"))
    worker = models.CharField(_("worker"), max_length=255, default="", blank=True)
    instance = models.CharField(_("worker instance"), max_length=255, default="", blank=True)
    started_at = models.DateTimeField(_("started"))
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True)
    outcome = models.CharField(
        _("outcome"), max_length=20, choices=Outcome, default=Outcome.RUNNING, blank=True
    )
    error_kind = models.CharField(_("kind of error"), max_length=255, default="", blank=True)
    error_message = models.TextField(_("error"), default="", blank=True)
    trace = models.TextField(_("trace"), default="", blank=True)

    class Meta:
        verbose_name = _("attempt")
        verbose_name_plural = _("attempts")
        ordering = ("job_id", "token")
        indexes: ClassVar = [
            models.Index(fields=["instance"], name="attempt_running", condition=models.Q(outcome=""))
        ]

    def __str__(self) -> str:
        return f"{self.job_id} #{self.number}"
