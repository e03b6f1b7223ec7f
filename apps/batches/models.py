"""Batches and their members."""

from typing import ClassVar

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

ID_LENGTH = 255  # of a job
NAME_LENGTH = 200


class Standing(models.TextChoices):
    """How a member ended, or a batch."""

    OPEN = "", _("open")
    SUCCEEDED = "succeeded", _("succeeded")
    FAILED = "failed", _("failed")  # a member: or expired
    CANCELLED = "cancelled", _("cancelled")


class Batch(models.Model):
    """Jobs that are counted, cancelled and run again together.

    Closed: nothing more is added from outside. Finished: closed, and every member and every batch in it has
    ended. `round` counts how often it was opened; each round has its own callbacks. The figures are those of
    when it finished, with the batches in it.
    """

    name = models.CharField(_("name"), max_length=NAME_LENGTH, blank=True)
    parent = models.ForeignKey(
        "self", models.CASCADE, null=True, blank=True, related_name="children", verbose_name=_("in batch")
    )
    opener = models.CharField(_("opened by job"), max_length=ID_LENGTH, default="", blank=True)
    # In whose `with` it is. A process of an older release, which doesn't know the column, opens batches, too.
    holder = models.CharField(
        _("held open by job"), max_length=ID_LENGTH, default="", db_default="", blank=True
    )
    callbacks = models.JSONField(_("callbacks"), default=dict)
    round = models.IntegerField(_("round"), default=1)
    outcome = models.CharField(_("state"), max_length=10, choices=Standing, default=Standing.OPEN, blank=True)

    opened_at = models.DateTimeField(_("opened"), auto_now_add=True)
    closed_at = models.DateTimeField(_("closed"), null=True, blank=True)
    failed_at = models.DateTimeField(_("first failure"), null=True, blank=True)
    finished_at = models.DateTimeField(_("finished"), null=True, blank=True, db_index=True)

    cancelled_at = models.DateTimeField(_("cancelled"), null=True, blank=True)
    cancelled_by = models.CharField(_("cancelled by"), max_length=150, default="", blank=True)
    cancelled_why = models.CharField(_("why"), max_length=1000, default="", blank=True)
    kill = models.BooleanField(_("kill what runs"), default=False)

    total = models.IntegerField(_("jobs"), default=0)
    succeeded = models.IntegerField(_("succeeded"), default=0)
    failed = models.IntegerField(_("failed"), default=0)
    cancelled = models.IntegerField(_("cancelled"), default=0)

    class Meta:
        default_permissions = ("view",)
        permissions = (("cancel_batch", "Can cancel batch"), ("retry_batch", "Can retry batch"))
        verbose_name = _("batch")
        verbose_name_plural = _("batches")
        ordering = ("-id",)
        indexes: ClassVar = [
            models.Index(fields=["id"], name="batch_unfinished", condition=Q(finished_at__isnull=True))
        ]

    def __str__(self) -> str:
        return f"{self.pk} {self.name}".strip()


class Member(models.Model):
    """A job that belongs to a batch. The state is that of its row in the ledger, written with it."""

    job_id = models.CharField(primary_key=True, max_length=ID_LENGTH, db_collation="C")
    batch = models.ForeignKey(Batch, models.CASCADE, db_index=False, related_name="members")
    state = models.CharField(_("state"), max_length=10, choices=Standing, default=Standing.OPEN, blank=True)

    class Meta:
        default_permissions = ()
        verbose_name = _("member")
        verbose_name_plural = _("members")
        indexes: ClassVar = [models.Index(fields=["batch", "state", "job_id"], name="member_by_state")]

    def __str__(self) -> str:
        return self.job_id
