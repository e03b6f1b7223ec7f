"""A notification is written down once, then delivered on every channel chosen for it."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils.translation import gettext as _

from apps.jobs.errors import ArgumentError
from apps.jobs.progress import current_job_id
from apps.notification.choosing import choose, need_way
from apps.notification.delivering import deliver
from apps.notification.models import Channel, Delivery, Notification
from apps.notification.recipients import resolve
from apps.notification.severity import Severity


@dataclass(frozen=True)
class Notice:
    """What to say to whom."""

    recipient: str
    title: str
    message: str = ""
    severity: str = Severity.INFO.value
    url: str = ""


def notify(notice: Notice, channels: Sequence[str] | None = None, key: str | None = None) -> dict[str, Any]:
    """Sends it through `channels`, or through every enabled one that reaches the recipient.

    A second call with the same key (unset: the running job's) sends only what is not sent yet.
    Raises ArgumentError before anything is done, TemporaryError or PermanentError after trying all.
    """
    key = key or key_of_job()
    recipient = resolve(notice.recipient)
    skipped: list[str] = []
    notification = Notification.objects.filter(key=key).first()
    if notification is None:
        choice = choose(recipient, channels, notice.severity)
        notification, skipped = record(notice, choice.channels, key), choice.skipped
    need_same(notification, notice)
    return outcome(notification, deliver(notification, recipient), skipped)


def test(channel_name: str, recipient_name: str) -> dict[str, Any]:
    """Sends a test notification through one channel, also a disabled one. Raises like `notify`."""
    recipient = resolve(recipient_name)
    channel = Channel.objects.filter(name=channel_name).first()
    if channel is None:
        raise ArgumentError({"channel": f"no channel is named {channel_name!r}"})
    need_way(recipient, channel)
    notice = Notice(
        recipient.name,
        _("Test of the channel %s") % channel.name,
        _("If you can read this, the channel works."),
        channel.min_severity,
    )
    notification = record(notice, [channel], key_of_job())
    return outcome(notification, deliver(notification, recipient))


def resend(notification_id: int) -> dict[str, Any]:
    """Tries every failed delivery again, also those that were given up. Raises like `notify`."""
    notification = Notification.objects.filter(pk=notification_id).first()
    if notification is None:
        raise ArgumentError({"notification_id": f"no notification has the id {notification_id}"})
    recipient = resolve(notification.recipient)
    failed = notification.deliveries.filter(state=Delivery.State.FAILED)
    failed.update(state=Delivery.State.PENDING, permanent=False)
    return outcome(notification, deliver(notification, recipient))


def key_of_job() -> str:
    return f"job:{current_job_id() or uuid4()}"


@transaction.atomic
def record(notice: Notice, channels: Iterable[Channel], key: str) -> Notification:
    """The notification of that key with its deliveries; the one that exists if there is one."""
    notification, created = Notification.objects.get_or_create(
        key=key, defaults={**asdict(notice), "job_id": current_job_id() or ""}
    )
    if created:
        Delivery.objects.bulk_create(
            Delivery(notification=notification, channel=channel) for channel in channels
        )
    return notification


def need_same(notification: Notification, notice: Notice) -> None:
    """A key names one notification for ever: another text under it would be lost in silence."""
    differing = [name for name, value in asdict(notice).items() if getattr(notification, name) != value]
    if differing:
        raise ArgumentError({
            "idempotency_key": f"is taken by a notification with another {', '.join(differing)}"
        })  # fmt: skip


def outcome(notification: Notification, sent: list[str], skipped: Sequence[str] = ()) -> dict[str, Any]:
    return {"status": "success", "notification": notification.pk, "sent": sent, "skipped": list(skipped)}
