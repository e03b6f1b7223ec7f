"""One message, from its row to the mail server, once.

The unique key decides which row; the lock says whether another process is at it; the state says
whether it may go out. A lock dies with its process, so a row that says "sending" without one was
left behind by a worker that died: nobody knows how far it came, and it is never sent by itself.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from email.utils import make_msgid, parseaddr
from typing import Any

from celery import current_task
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.email.addresses import bare
from apps.email.delivering import Unsure, deliver
from apps.email.models import Message, State
from apps.email.writing import Draft, Letter, write
from apps.jobs.errors import ArgumentError, PermanentError, TemporaryError
from apps.jobs.progress import current_job_id

LOCKS = 0x4D41494C  # our corner of PostgreSQL's advisory locks: "MAIL"
LOOK_AGAIN_SECONDS = 30


def send(draft: Draft, key: str | None) -> dict[str, Any]:
    """Sends the message of that key unless it is sent already. Without a key it always is a new one."""
    message = known(key, draft) or enter(write(draft), key)
    with hold(message) as ours:
        if not ours:
            raise TemporaryError(
                "another process is sending this message", retry_after_seconds=LOOK_AGAIN_SECONDS
            )
        message.refresh_from_db()
        if message.state == State.SENT:
            return outcome(message) | {"duplicate": True}
        claim(message)
        transmit(message)
    return outcome(message)


def known(key: str | None, draft: Draft) -> Message | None:
    message = Message.objects.filter(idempotency_key=key).first() if key else None
    if message and bare(message.to) != bare(draft.to_email):
        raise ArgumentError({"idempotency_key": f"taken by a message to {message.to}"})
    return message


def enter(letter: Letter, key: str | None) -> Message:
    row = new_message(letter)
    if not key:
        row.save()
        return row
    values = {name: getattr(row, name) for name in (*asdict(letter), "message_id")}
    return Message.objects.get_or_create(idempotency_key=key, defaults=values)[0]


def new_message(letter: Letter, **values: Any) -> Message:
    """Not saved. Its Message-ID is the same for every try, so that a mail server may notice a repeat."""
    domain = parseaddr(settings.DEFAULT_FROM_EMAIL)[1].rpartition("@")[2]
    return Message(**asdict(letter), message_id=make_msgid(domain=domain or "localhost"), **values)


@contextmanager
def hold(message: Message) -> Iterator[bool]:
    """Whether this process alone has the message in hand. PostgreSQL frees the lock of a dead one."""
    lock = [LOCKS, message.pk % 2**31]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", lock)
        (ours,) = cursor.fetchone()
    try:
        yield ours
    finally:
        if ours:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s, %s)", lock)


def claim(message: Message) -> None:
    """From here on a crash leaves the message unsure. Raises Unsure where one has before."""
    if message.state == State.SENDING:
        message.move(State.UNSURE, error="the worker died while it was sending")
    attempt = {"attempts": message.attempts + 1, "job_id": current_job_id() or message.job_id}
    if message.state == State.UNSURE or not message.move(State.SENDING, error="", **attempt):
        raise Unsure(
            f"message {message.pk} may or may not have been sent: send it again, "
            "or mark it as sent, in the admin"
        )


def transmit(message: Message) -> None:
    try:
        name = deliver(message)
    except Unsure as error:
        message.move(State.UNSURE, error=str(error))
        raise
    except PermanentError as error:
        message.move(State.FAILED, error=str(error))
        raise
    except Exception as error:
        message.move(State.QUEUED if tries_left() else State.FAILED, error=str(error))
        raise
    message.move(State.SENT, sent_at=timezone.now(), eml=name)


def tries_left() -> bool:
    task = current_task
    if not task or task.request.called_directly:
        return False
    return task.max_retries is None or int(task.request.retries) < int(task.max_retries)


def outcome(message: Message) -> dict[str, Any]:
    return {
        "status": "success", "email": message.to, "message": message.pk,
        "message_id": message.message_id, "file": message.eml.name or None,
    }  # fmt: skip
