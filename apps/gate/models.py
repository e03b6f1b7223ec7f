"""What people want of the gate. Redis has a copy, which workers follow."""

from typing import ClassVar

from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import F, Q
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _

from apps.jobs.limits import NUMBER_MOST, SECONDS_MOST
from apps.jobs.models.hold import LINE_LENGTH


class Pause(models.Model):
    """A queue, a task or everything that does not begin until it is resumed, or until a time."""

    class What(models.TextChoices):
        QUEUE = "queue", _("queue")
        TASK = "task", _("task")
        ALL = "all", _("everything")

    what = models.CharField(_("what"), max_length=10, choices=What)
    name = models.CharField(_("name"), max_length=255, default="", blank=True)
    by = models.CharField(_("by"), max_length=150, default="", blank=True)
    why = models.CharField(_("why"), max_length=1000, default="", blank=True)
    since = models.DateTimeField(_("since"), auto_now_add=True)
    until = models.DateTimeField(_("until"), null=True, blank=True)

    class Meta:
        verbose_name = _("pause")
        verbose_name_plural = _("pauses")
        constraints: ClassVar = [models.UniqueConstraint(fields=["what", "name"], name="pause_once")]

    def __str__(self) -> str:
        return f"{self.get_what_display()} {self.name}".strip()


class LimitSetting(models.Model):
    """A limit that people set. It replaces what the task declares of the same kind."""

    class Kind(models.TextChoices):
        RATE = "rate", _("starts per period")
        CONCURRENCY = "concurrency", _("running at once")

    task = models.CharField(_("task"), max_length=255, help_text=_("A name, or the start of names: shop.*"))
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    limit = models.PositiveIntegerField(
        _("limit"), validators=[MinValueValidator(1), MaxValueValidator(NUMBER_MOST)]
    )
    per_seconds = models.FloatField(
        _("per seconds"),
        default=1.0,
        validators=[MinValueValidator(0.001), MaxValueValidator(SECONDS_MOST)],
        help_text=_("The period of a rate."),
    )
    burst = models.PositiveIntegerField(
        _("burst"), default=0, blank=True, help_text=_("How many at once; 0: as many as the limit.")
    )
    lease_seconds = models.FloatField(
        _("lease seconds"),
        default=30.0,
        validators=[MinValueValidator(1), MaxValueValidator(86_400)],
        help_text=_("After so long a killed job's place is free again."),
    )
    key = models.CharField(
        _("key"),
        max_length=255,
        default="",
        blank=True,
        help_text=_("Names of arguments, by commas: a limit for each of their values."),
    )
    share = models.CharField(
        _("share"),
        max_length=255,
        default="",
        blank=True,
        help_text=_("Names of arguments, by commas: their values take turns in waiting."),
    )
    enabled = models.BooleanField(_("enabled"), default=True)

    class Meta:
        verbose_name = _("limit")
        verbose_name_plural = _("limits")
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["task", "kind", "key"], condition=Q(enabled=True), name="limit_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.task}: {self.get_kind_display()} {self.limit}"


class Ticket(models.Model):
    """A job's number among those that run one at a time, in order. The row goes when the job has ended.

    Whose turn it is has `begun`: nobody else of its line begins, whatever their numbers.
    """

    number = models.BigAutoField(primary_key=True)
    job_id = models.CharField(max_length=255, unique=True, db_collation="C")
    line = models.CharField(max_length=LINE_LENGTH, db_collation="C")
    begun = models.BooleanField(default=False, db_default=False)
    since = models.DateTimeField(db_default=Now())

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["line"], condition=Q(begun=True), name="ticket_one_begun")
        ]
        indexes: ClassVar = [models.Index("line", F("begun").desc(), "number", name="ticket_by_turn")]

    def __str__(self) -> str:
        return f"{self.line} {self.number}"
