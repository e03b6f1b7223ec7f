"""What the ledger of jobs doesn't say of a chord: who belongs to it, and what comes when all have ended."""

from typing import ClassVar

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

ID_LENGTH = 255


class Chord(models.Model):
    """Written once, from what the publisher told, and settled once.

    `members` are the ids of the header's jobs, in order, where a list within stands for a group; null if
    there were too many to keep, or if a generator made them: then `size` is their number, which is known
    once all have been sent. `body` is its signature; null if it can't be kept. `body_ids` are the jobs it
    begins with.
    """

    class Outcome(models.TextChoices):
        OPEN = "", _("waits for its header")
        DONE = "done", _("its body came")
        SENT = "sent", _("was stuck; its body was sent")
        FAILED = "failed", _("was stuck; its body failed")

    group = models.CharField(_("group"), primary_key=True, max_length=ID_LENGTH, db_collation="C")
    members = models.JSONField(_("members"), null=True)
    size = models.BigIntegerField(_("size"), null=True)
    body = models.JSONField(_("body"), null=True)
    body_ids = ArrayField(models.CharField(max_length=ID_LENGTH), verbose_name=_("jobs of the body"))
    begun_at = models.DateTimeField(_("begun"))
    looked_at = models.DateTimeField(_("looked at"), null=True)
    settled_at = models.DateTimeField(_("settled"), null=True)
    outcome = models.CharField(_("outcome"), max_length=10, choices=Outcome, default=Outcome.OPEN, blank=True)
    why = models.TextField(_("why"), default="", blank=True)

    class Meta:
        verbose_name = _("chord")
        verbose_name_plural = _("chords")
        indexes: ClassVar = [
            models.Index(fields=["looked_at"], name="chord_open", condition=Q(settled_at__isnull=True)),
            models.Index(fields=["settled_at"], name="chord_settled"),
            models.Index(fields=["begun_at"], name="chord_begun"),
        ]

    def __str__(self) -> str:
        return self.group
