"""Each delivery is claimed, attempted and written down; one that fails doesn't stop the others."""

import logging
from datetime import timedelta

from celery.exceptions import SoftTimeLimitExceeded
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from apps.jobs.errors import JobError, PermanentError, TemporaryError
from apps.jobs.progress import track
from apps.notification.channel import Answer, Recipient
from apps.notification.channels import kind_named
from apps.notification.models import Delivery, Notification
from apps.notification.wording import storable

logger = logging.getLogger(__name__)

# Longer than any attempt: a claim this old belongs to a worker that died.
LEASE = timedelta(seconds=60)
ERROR_LENGTH = 1_000

State = Delivery.State


def deliver(notification: Notification, recipient: Recipient) -> list[str]:
    """Tries whatever is not sent yet; the names of all channels that it went through.

    Raises TemporaryError if another try may help, PermanentError if what is left is lost.
    """
    waits = []
    due = list(unsent(notification).filter(permanent=False))
    for delivery in track(due, len(due), "sending"):
        if claim(delivery):
            answer = attempt(delivery, recipient)
            finish(delivery, answer)
            waits.append(getattr(answer.error, "retry_after_seconds", None) or 0)
        else:
            waits.append(int(LEASE.total_seconds()))
    complain(notification, max(waits, default=0))
    return list(notification.deliveries.order_by("pk").values_list("channel__name", flat=True))


def unsent(notification: Notification) -> QuerySet[Delivery]:
    return notification.deliveries.exclude(state=State.SENT).select_related("channel").order_by("pk")


def claim(delivery: Delivery) -> bool:
    """False where another worker has it, or has sent it."""
    now = timezone.now()
    free = Q(claimed_at=None) | Q(claimed_at__lt=now - LEASE)
    mine = Delivery.objects.filter(free, pk=delivery.pk).exclude(state=State.SENT)
    return mine.update(claimed_at=now, attempts=F("attempts") + 1) == 1


def attempt(delivery: Delivery, recipient: Recipient) -> Answer:
    """Whatever goes wrong in a channel becomes its answer."""
    try:
        kind = kind_named(delivery.channel.kind)
        return kind.send(delivery, recipient, kind.read(delivery.channel.config))
    except SoftTimeLimitExceeded:
        finish(delivery, Answer(error=TemporaryError("the job ran out of time")))
        raise
    except JobError as error:
        return Answer(error=error)
    except Exception as error:
        logger.exception("channel %s failed unexpectedly", delivery.channel)
        return Answer(error=TemporaryError(f"{type(error).__name__}: {error}"))


def finish(delivery: Delivery, answer: Answer) -> None:
    error = answer.error
    # Another worker may have sent it meanwhile: nothing turns that back.
    Delivery.objects.filter(pk=delivery.pk).exclude(state=State.SENT).update(
        state=State.FAILED if error else State.SENT,
        permanent=error is not None and not isinstance(error, TemporaryError),
        claimed_at=None,
        error=storable(str(error))[:ERROR_LENGTH] if error else "",
        status_code=answer.status_code,
        answer=answer.text,
        sent_at=None if error else timezone.now(),
    )


def complain(notification: Notification, wait_seconds: int) -> None:
    left = list(unsent(notification))
    words = "; ".join(f"{row.channel.name}: {row.error or 'another worker has it'}" for row in left)
    if not all(row.permanent for row in left):
        raise TemporaryError(words, retry_after_seconds=wait_seconds or None)
    if left:
        raise PermanentError(words)
