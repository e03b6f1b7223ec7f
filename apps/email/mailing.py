"""A mailing: one job that sends a message to each of many, and reports on all of them.

The job is visited more than once. Its first visit writes a row for each recipient and sends a job for
each row; the later ones count the rows, until the last has ended. Nothing waits in between, and what
was counted is right after any redelivery, because it is read from the rows.
"""

from collections.abc import Iterator
from typing import Any, NoReturn
from uuid import uuid4

from celery import current_task, group, signature
from celery.exceptions import Ignore
from django.db import transaction
from django.utils import timezone

from apps.email.models import Mailing, Message, State
from apps.email.posting import SEND, arguments
from apps.email.recipients import Recipient, without_duplicates
from apps.email.sending import new_message
from apps.email.settling import settle
from apps.email.writing import Draft, write_all
from apps.jobs.errors import ArgumentError, PermanentError
from apps.jobs.progress import current_job_id, progress

BATCH, BATCHES_A_VISIT = 500, 4
ALL_BYTES = 50_000_000
LOOK_AGAIN_SECONDS = 15


def send_to_all(draft: Draft, recipients: list[str | Recipient]) -> dict[str, Any]:
    """The figures once every message has ended; until then it comes back later (celery's Ignore)."""
    job_id = current_job_id()
    if job_id is None:
        raise PermanentError("a mailing runs as a job only: submit it")
    mailing = Mailing.objects.filter(job_id=job_id).first() or enter(job_id, draft, recipients)
    if mailing.state == Mailing.State.QUEUED:
        hand_out(mailing)
    settle(mailing.messages.all())
    counts = mailing.counts
    waiting = counts[State.QUEUED] + counts[State.SENDING]
    if waiting:
        progress(mailing.total - waiting, mailing.total, "messages")
        handing_out = mailing.state == Mailing.State.QUEUED
        come_back(1 if handing_out else min(LOOK_AGAIN_SECONDS, 1 + waiting // 20))
    return finish(mailing, counts)


def enter(job_id: str, draft: Draft, recipients: list[str | Recipient]) -> Mailing:
    """The mailing with all of its messages, or nothing."""
    people = without_duplicates(recipients)
    letters = write_all(draft, people)
    size = sum(len(letter.text) + len(letter.html) for letter in letters)
    if size > ALL_BYTES:
        raise ArgumentError({"recipients": f"expected at most {ALL_BYTES} bytes of mail, got {size}"})
    values = {"subject": draft.subject, "template": draft.template, "total": len(people)}
    values["duplicates"] = len(recipients) - len(people)
    with transaction.atomic():
        mailing, made = Mailing.objects.get_or_create(job_id=job_id, defaults=values)
        if made:
            rows = (row(mailing, new_message(letter)) for letter in letters)
            Message.objects.bulk_create(rows, batch_size=BATCH)
    return mailing


def row(mailing: Mailing, message: Message) -> Message:
    """Its job's id is chosen now, so that sending the job twice is still the same job."""
    message.mailing, message.job_id = mailing, str(uuid4())
    message.idempotency_key = message.job_id
    return message


def hand_out(mailing: Mailing) -> None:
    """Sends the next jobs, as Celery groups; a visit ends well before any time limit."""
    for _ in range(BATCHES_A_VISIT):
        left = mailing.messages.filter(pk__gt=mailing.handed_out)
        part = list(left.order_by("pk")[:BATCH])
        if not part:
            mailing.state = Mailing.State.SENDING
            break
        group(jobs(part)).apply_async(add_to_parent=False)
        mailing.handed_out = part[-1].pk
    mailing.save(update_fields=["handed_out", "state"])


def jobs(messages: list[Message]) -> Iterator[Any]:
    return (signature(SEND, kwargs=arguments(m), options={"task_id": m.job_id}) for m in messages)


def come_back(seconds: int) -> NoReturn:
    """Sends this very job again, links and retries untouched, and ends the visit without a result."""
    current_task.signature_from_request(countdown=seconds).apply_async(add_to_parent=False)
    raise Ignore


def finish(mailing: Mailing, counts: dict[str, int]) -> dict[str, Any]:
    unfinished = Mailing.objects.filter(pk=mailing.pk).exclude(state=Mailing.State.DONE)
    unfinished.update(state=Mailing.State.DONE, finished_at=timezone.now())
    progress(mailing.total, mailing.total, "messages")
    figures = {name: counts[name] for name in (State.SENT, State.FAILED, State.UNSURE)}
    return {
        "status": "success",
        "total": mailing.total,
        **{state.value: count for state, count in figures.items()},
        "duplicates": mailing.duplicates,
        "mailing": mailing.pk,
        "job_ids": list(mailing.messages.order_by("pk").values_list("job_id", flat=True)),
    }
