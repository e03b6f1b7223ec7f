"""A mailing: one job that sends a message to each of many, and reports on all of them.

The job is visited more than once. Its first visit submits a job for each message; the later ones count
the messages, until the last has ended. In between it snoozes, so nothing waits, and what was counted is
right after any redelivery, because it is read from the rows.
"""

from typing import Any, Unpack
from uuid import uuid4

from django.db import connection, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.email.models import Mailing, Message, State
from apps.email.posting import SEND, SEND_TO_ALL, arguments
from apps.email.recipients import Recipient, without_duplicates
from apps.email.sending import new_message
from apps.email.settling import settle
from apps.email.writing import Draft, write_all
from apps.jobs import Job, events, submit, submit_many
from apps.jobs.errors import ArgumentError, PermanentError, Snooze
from apps.jobs.orders import Options
from apps.jobs.progress import current_job_id, progress

BATCH = 500
ALL_BYTES = 50_000_000
LOOK_AGAIN_SECONDS = 15
# bulk_update takes seconds for what this does in one statement.
GIVE_JOBS = """
UPDATE email_message SET job_id = given.job_id
FROM unnest(%s::bigint[], %s::text[]) AS given (id, job_id) WHERE email_message.id = given.id
"""

People = list[str | Recipient]


def post_to_all(draft: Draft, recipients: People, **how: Unpack[Options]) -> Job:
    """Stores the mailing with its messages and submits its job. Raises ArgumentError."""
    with transaction.atomic():
        mailing = enter(str(uuid4()), draft, recipients)
        asked: Options = {**how, "id": mailing.job_id}
        return submit(SEND_TO_ALL, kwargs={"mailing_id": mailing.pk}, **asked)


def send_to_all(mailing: Mailing) -> dict[str, Any]:
    """The figures once every message has ended. Raises Snooze until then."""
    if mailing.state == Mailing.State.QUEUED:
        hand_out(mailing)
    settle(mailing.messages.all())
    counts = mailing.counts
    waiting = counts[State.QUEUED] + counts[State.SENDING]
    if waiting:
        progress(mailing.total - waiting, mailing.total, _("messages"))
        raise Snooze(min(LOOK_AGAIN_SECONDS, 1 + waiting // 20), _("waits for its messages"))
    return finish(mailing, counts)


def find(mailing_id: int) -> Mailing:
    """A mailing that was stored before. Raises ArgumentError."""
    mailing = Mailing.objects.filter(pk=mailing_id).first()
    if mailing is None:
        raise ArgumentError({"mailing_id": _("no mailing has the number %d") % mailing_id})
    return mailing


def enter_for_job(draft: Draft, recipients: People | None) -> Mailing:
    """The one that the running job makes; delivered again, the one that it has made."""
    if not recipients:
        raise ArgumentError({"recipients": _("expected recipients, or the number of a mailing")})
    job_id = current_job_id()
    if job_id is None:
        raise PermanentError(_("a mailing runs as a job only: submit it"))
    return Mailing.objects.filter(job_id=job_id).first() or enter(job_id, draft, recipients)


def enter(job_id: str, draft: Draft, recipients: People) -> Mailing:
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
    """Its key is chosen now, so that its job sends this very message, however often it is delivered."""
    message.mailing, message.idempotency_key = mailing, str(uuid4())
    return message


def hand_out(mailing: Mailing) -> None:
    """Submits a job for each message, all of them or none; a second delivery finds it done."""
    with transaction.atomic():
        locked = Mailing.objects.select_for_update().get(pk=mailing.pk)
        if locked.state != Mailing.State.QUEUED:
            return
        messages = list(Message.objects.filter(mailing=mailing).only("to", "idempotency_key").order_by("pk"))
        jobs = submit_many(SEND, [arguments(message) for message in messages])
        with connection.cursor() as cursor:
            cursor.execute(GIVE_JOBS, [[message.pk for message in messages], [job.id for job in jobs]])
        locked.state = Mailing.State.SENDING
        locked.save(update_fields=["state"])


def finish(mailing: Mailing, counts: dict[str, int]) -> dict[str, Any]:
    figures = {
        "total": mailing.total,
        **{state.value: counts[state] for state in (State.SENT, State.FAILED, State.UNSURE)},
        "duplicates": mailing.duplicates,
        "mailing": mailing.pk,
    }
    unfinished = Mailing.objects.filter(pk=mailing.pk).exclude(state=Mailing.State.DONE)
    with transaction.atomic():
        if unfinished.update(state=Mailing.State.DONE, finished_at=timezone.now()):
            events.publish("email.bulk.finished", {**figures, "job": mailing.job_id})
    progress(mailing.total, mailing.total, _("messages"))
    return {
        "status": "success",
        **figures,
        "job_ids": list(mailing.messages.order_by("pk").values_list("job_id", flat=True)),
    }
