"""Messages that people write or decide on: the row and its job, both or neither."""

from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils import timezone

from apps.email.models import Message, State
from apps.email.sending import new_message
from apps.email.writing import Draft, write
from apps.jobs import submit
from apps.jobs.errors import NotSubmitted

SEND = "apps.email.tasks.send_email_task"
SEND_TO_ALL = "apps.email.tasks.send_bulk_email_task"


def post(draft: Draft, key: str) -> Message:
    """Shows the message as queued and submits its job. The same key again is the same message.

    Raises ArgumentError, and NotSubmitted when the broker is out of reach: the message is then kept as
    failed.
    """
    posted = Message.objects.filter(idempotency_key=key).first()
    if posted:
        return posted
    message = new_message(write(draft), idempotency_key=key)
    return hand_in(message)


def send_again(message: Message) -> bool:
    """For a message that failed or that nobody is sure of. False when it is in neither state."""
    message.refresh_from_db()
    if message.state not in {State.FAILED, State.UNSURE}:
        return False
    moved = message.move(State.QUEUED, error="")
    if moved:
        hand_in(message)
    return moved


def mark_as_sent(message: Message, who: str) -> bool:
    """A person says that an unsure message did arrive. False when it isn't unsure."""
    message.refresh_from_db()
    if message.state != State.UNSURE:
        return False
    return message.move(State.SENT, sent_at=timezone.now(), error=f"marked as sent by {who}")


def hand_in(message: Message) -> Message:
    message.idempotency_key = message.idempotency_key or str(uuid4())
    try:
        with transaction.atomic():
            key = {"idempotency_key": message.idempotency_key}
            message.job_id = submit(SEND, kwargs=arguments(message) | key).id
            message.save()
    except NotSubmitted as error:
        message.move(State.FAILED, error=str(error))
        raise
    return message


def arguments(message: Message) -> dict[str, Any]:
    """What send_email_task needs to send this very message."""
    given = {
        "to_email": message.to, "subject": message.subject, "content": message.text,
        "html": message.html, "reply_to": message.reply_to,
    }  # fmt: skip
    return {name: value for name, value in given.items() if value}
