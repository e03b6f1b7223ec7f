from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.jobs.models.job import ID_LENGTH
from apps.jobs.states import Reason


class DeadLetter(models.Model):
    """A message that no worker could take, whole, as it came from the dead-letter queue.

    `digest` tells a second delivery of the same message from another one. `job_id` is empty when the
    message doesn't say which job it was. `error` says what happened. `exchange` and `routing_key` are where
    it is sent again. `headers` and `properties` are for people; `envelope` has both without loss, as an AMQP
    table. `body` may hold what is redacted elsewhere.
    """

    digest = models.CharField(max_length=64, unique=True)
    job_id = models.CharField(_("job"), max_length=ID_LENGTH, blank=True, db_index=True, db_collation="C")
    task = models.CharField(_("task"), max_length=255, blank=True)
    queue = models.CharField(_("queue"), max_length=255, blank=True)
    exchange = models.CharField(_("exchange"), max_length=255, blank=True)
    routing_key = models.CharField(_("routing key"), max_length=255, blank=True)
    reason = models.CharField(_("reason"), max_length=20, choices=Reason, default=Reason.REJECTED)
    error = models.TextField(_("error"), default="", blank=True)
    deliveries = models.IntegerField(_("deliveries"), default=0)
    headers = models.JSONField(_("headers"), default=dict)
    properties = models.JSONField(_("properties"), default=dict)
    envelope = models.BinaryField(default=b"")
    body = models.BinaryField(_("body"))
    died_at = models.DateTimeField(_("died"), db_index=True)
    requeued_at = models.DateTimeField(_("sent again"), null=True, blank=True)
    requeued_by = models.CharField(_("sent again by"), max_length=150, default="", blank=True)

    class Meta:
        verbose_name = _("dead letter")
        verbose_name_plural = _("dead letters")
        ordering = ("-died_at", "-id")

    def __str__(self) -> str:
        return f"{self.task or _('a message')} ({self.get_reason_display()})"
