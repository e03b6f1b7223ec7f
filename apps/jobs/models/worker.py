from django.db import models
from django.utils.translation import gettext_lazy as _


class Worker(models.Model):
    """One life of a worker, known by its heartbeat: a worker that starts again is another row.

    `beats` is the last heartbeat's number; `seen_at` is when the recorder saw it change, by
    PostgreSQL's clock, so that no other clock matters.
    """

    instance = models.CharField(primary_key=True, max_length=255)
    name = models.CharField(_("name"), max_length=255)
    pid = models.IntegerField(_("process"))
    concurrency = models.IntegerField(_("jobs at once"), default=0)
    queues = models.JSONField(_("queues"), default=list)
    beats = models.BigIntegerField(default=0)
    started_at = models.DateTimeField(_("started"))
    seen_at = models.DateTimeField(_("last seen"), db_index=True)
    stopped_at = models.DateTimeField(_("stopped"), null=True, blank=True)
    lost_at = models.DateTimeField(_("lost"), null=True, blank=True)

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        ordering = ("-started_at",)

    def __str__(self) -> str:
        return self.name
