from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class Event(models.Model):
    """A fact that happened, by topic. A key, where there is one, records one condition once.

    Until `published_at` it is to be sent to the exchange.
    """

    topic = models.CharField(_("topic"), max_length=100, db_collation="C")
    facts = models.JSONField(_("facts"), default=dict)
    key = models.CharField(_("key"), max_length=255, default="", blank=True, db_collation="C")
    occurred_at = models.DateTimeField(_("when"))
    published_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        default_permissions = ("view",)
        verbose_name = _("event")
        verbose_name_plural = _("events")
        ordering = ("-occurred_at", "-id")
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["key"], name="one_event_for_each_key", condition=~Q(key=""))
        ]
        indexes: ClassVar = [
            models.Index(fields=["-occurred_at", "-id"], name="event_by_time"),
            models.Index(fields=["topic", "-occurred_at", "-id"], name="event_by_topic"),
            models.Index(fields=["id"], name="event_outbox", condition=Q(published_at__isnull=True)),
        ]

    def __str__(self) -> str:
        return f"{self.topic} {self.occurred_at:%Y-%m-%d %H:%M:%S}"
