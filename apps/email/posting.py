"""Messages that people write or decide on: the row and its job, both or neither."""

from typing import Any, Unpack
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from apps.email.models import Message, State
from apps.email.sending import new_message
from apps.email.writing import Draft, write
from apps.jobs import submit
from apps.jobs.orders import Options

SEND = "apps.email.tasks.send_email_task"
SEND_TO_ALL = "apps.email.tasks.send_bulk_email_task"


def post(draft: Draft, key: str, /, **how: Unpack[Options]) -> Message:
    """Shows the message as queued and submits its job. The same key again is the same message.

    Raises ArgumentError.
    """
    posted = Message.objects.filter(idempotency_key=key).first()
    return posted or hand_in(new_message(write(draft), idempotency_key=key), **how)


def send_again(message: Message, **how: Unpack[Options]) -> bool:
    """For a message that failed or that nobody is sure of. False when it is in neither state."""
    message.refresh_from_db()
    if message.state not in {State.FAILED, State.UNSURE}:
        return False
    with transaction.atomic():
        moved = message.move(State.QUEUED, error="")
        if moved:
            hand_in(message, **how)
    return moved


def mark_as_sent(message: Message, who: str) -> bool:
    """A person says that an unsure message did arrive. False when it isn't unsure."""
    message.refresh_from_db()
    if message.state != State.UNSURE:
        return False
    return message.move(State.SENT, sent_at=timezone.now(), error=f"marked as sent by {who}")


def hand_in(message: Message, **how: Unpack[Options]) -> Message:
    message.idempotency_key = message.idempotency_key or str(uuid4())
    with transaction.atomic():
        message.job_id = submit(SEND, kwargs=arguments(message), **how).id
        message.save()
    return message


def arguments(message: Message) -> dict[str, Any]:
    """What send_email_task needs to find this very message; were it gone, it would send nothing."""
    return {"to_email": message.to, "idempotency_key": message.idempotency_key}
