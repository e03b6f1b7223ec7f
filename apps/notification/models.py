"""Channels, what was said, and what became of it on each channel."""

from uuid import uuid4

from django.conf import settings
from django.core.validators import RegexValidator
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.notification import wording
from apps.notification.severity import Severity

CHANNEL_NAME = r"[a-z0-9][a-z0-9_-]*"


class Channel(models.Model):
    """A way to reach people. What `config` holds is for the channel's kind to say."""

    name = models.CharField(
        _("name"),
        max_length=50,
        unique=True,
        validators=[RegexValidator(rf"^{CHANNEL_NAME}\Z", _("Use a-z, 0-9, - and _ only."))],
    )
    kind = models.CharField(_("kind"), max_length=30)
    config = models.JSONField(_("configuration"), default=dict, blank=True)
    secret = models.CharField(_("signing key"), max_length=200, blank=True)
    enabled = models.BooleanField(_("enabled"), default=True)
    min_severity = models.CharField(
        _("from severity"),
        max_length=10,
        choices=Severity.choices,
        default=Severity.INFO,
        help_text=_("Notifications below this severity don't go through this channel."),
    )

    class Meta:
        ordering = ("name",)
        verbose_name = _("channel")
        verbose_name_plural = _("channels")

    def __str__(self) -> str:
        return self.name


class Notification(models.Model):
    """What was said to whom. `inbox` is set once it lies in that user's inbox."""

    key = models.CharField(_("key"), max_length=wording.KEY_LENGTH, unique=True)
    recipient = models.CharField(_("recipient"), max_length=wording.NAME_LENGTH)
    title = models.CharField(_("title"), max_length=wording.TITLE_LENGTH)
    message = models.TextField(_("message"), blank=True)
    severity = models.CharField(_("severity"), max_length=10, choices=Severity.choices)
    url = models.CharField(_("link"), max_length=wording.LINK_LENGTH, blank=True)
    inbox = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        models.SET_NULL,
        null=True,
        blank=True,
        verbose_name=_("inbox of"),
        related_name="notifications",
    )
    read_at = models.DateTimeField(_("read"), null=True, blank=True)
    job_id = models.CharField(_("job"), max_length=255, blank=True, db_index=True)
    created = models.DateTimeField(_("created"), auto_now_add=True, db_index=True)

    class Meta:
        ordering = ("-created", "-id")
        verbose_name = _("notification")
        verbose_name_plural = _("notifications")
        indexes = (
            models.Index(fields=("inbox", "-created"), name="notification_inbox"),
            models.Index(fields=("inbox",), condition=models.Q(read_at=None), name="notification_unread"),
        )

    def __str__(self) -> str:
        return self.title


class Delivery(models.Model):
    """One notification through one channel, at most once. `uid` is what a receiver knows it by."""

    class State(models.TextChoices):
        PENDING = "pending", _("pending")
        SENT = "sent", _("sent")
        FAILED = "failed", _("failed")

    uid = models.UUIDField(_("delivery id"), default=uuid4, unique=True, editable=False)
    notification = models.ForeignKey(Notification, models.CASCADE, related_name="deliveries")
    channel = models.ForeignKey(Channel, models.PROTECT, related_name="deliveries")
    state = models.CharField(
        _("state"), max_length=10, choices=State.choices, default=State.PENDING, db_index=True
    )
    permanent = models.BooleanField(_("given up"), default=False)
    claimed_at = models.DateTimeField(null=True, blank=True, editable=False)
    attempts = models.PositiveIntegerField(_("attempts"), default=0)
    error = models.TextField(_("last error"), blank=True)
    status_code = models.PositiveSmallIntegerField(_("status code"), null=True, blank=True)
    answer = models.TextField(_("answer"), blank=True)
    sent_at = models.DateTimeField(_("sent"), null=True, blank=True)

    class Meta:
        ordering = ("-id",)
        verbose_name = _("delivery")
        verbose_name_plural = _("deliveries")
        constraints = (
            models.UniqueConstraint(fields=("notification", "channel"), name="delivery_once_per_channel"),
        )

    def __str__(self) -> str:
        return f"{self.notification} ({self.channel})"
