"""Dead letters: the messages that no worker could take. Kept by the recorder, sent again by people."""

import logging
from collections import Counter
from collections.abc import Iterable
from typing import Any

from django.db import transaction
from django.utils import timezone

from apps.jobs import ending, keys
from apps.jobs.content import content_of
from apps.jobs.examining import RESENDS, UNKNOWN_SINCE, Death, Finding
from apps.jobs.models import DeadLetter, Job
from apps.jobs.resending import Parcel, Post
from apps.jobs.state import redis_error
from apps.jobs.states import Reason, State

logger = logging.getLogger(__name__)

NAME_LENGTH = 150
REQUEUES = "requeues"  # a header that counts, so that each death of a message has a row of its own


def requeue(letter_ids: Iterable[int], by: str = "") -> dict[str, int]:
    """Sends letters again, as they were and where they came from; `by` is who asked for it.

    Their jobs are open again before their messages are under way. Counts what was `sent`; what `failed`
    (the letter stays, its job ends again and says why); what was `skipped`: no such letter, one that
    was sent again already, or one whose job has succeeded since; and what is `taken`: another job has the
    key of the letter's by now.
    """
    counts = Counter(sent=0, failed=0, skipped=0, taken=0)
    waiting_ids = list(letter_ids)
    with Post() as post:
        for place, letter_id in enumerate(waiting_ids):
            try:
                counts[requeue_one(letter_id, by, post)] += 1
            except (*post.errors, redis_error()) as error:
                logger.warning("dead letters can't be sent again now: %s", error)
                counts["failed"] += len(waiting_ids) - place
                break
    return dict(counts)


def requeue_one(letter_id: int, by: str, post: Post) -> str:
    """Which count goes up. Raises one of the post's errors when the broker is out of reach."""
    with transaction.atomic():
        # A letter that somebody else has in hand is passed over.
        free = DeadLetter.objects.select_for_update(skip_locked=True)
        letter = free.filter(id=letter_id, requeued_at=None).first()
        standing = ending.standing_of(letter.job_id if letter else "")
        if letter is None or standing.state == State.SUCCESS:
            return "skipped"
        if letter.job_id and (standing.failed or not standing.state):
            if holder := keys.take_back(letter.job_id, letter.headers):
                logger.warning("dead letter %s is not sent again: job %s has its key", letter_id, holder.id)
                return "taken"
            refusal = sent_open(letter, by, post)
        else:
            refusal = post.send(parcel_of(letter))
        if refusal:
            logger.error("dead letter %s can't be sent again: %s", letter_id, refusal)
            return "failed"
        letter.requeued_at, letter.requeued_by = timezone.now(), by[:NAME_LENGTH]
        letter.save(update_fields=["requeued_at", "requeued_by"])
    return "sent"


def sent_open(letter: DeadLetter, by: str, post: Post) -> str:
    """Lets the job run again and sends its message; where that fails, the job ends again."""
    ending.reopen(letter.job_id, f"sent again by {by}" if by else "sent again")
    if letter.reason == Reason.EXPIRED:
        Job.objects.filter(id=letter.job_id).update(expires_at=None)
    try:
        refusal = post.send(parcel_of(letter))
    except post.errors as error:
        close_again(letter, f"the broker is out of reach: {error}")
        raise
    if refusal:
        close_again(letter, refusal)
    return refusal


def parcel_of(letter: DeadLetter) -> Parcel:
    """The message to send, counted as one more; what has expired gets no new deadline."""
    kept = Parcel.from_envelope(bytes(letter.body), bytes(letter.envelope))
    marks: dict[str, Any] = {REQUEUES: number(kept.headers.get(REQUEUES)) + 1}
    # Nothing that was counted before a person looked at it counts against it now.
    marks |= {name: None for name in (RESENDS, UNKNOWN_SINCE) if name in kept.headers}
    if letter.reason == Reason.EXPIRED:
        marks["expires"] = None
    return kept.again(letter.exchange, letter.routing_key, **marks)


def close_again(letter: DeadLetter, why: str) -> None:
    parcel = Parcel.from_envelope(bytes(letter.body), bytes(letter.envelope))
    death = Death(letter.queue, letter.exchange, letter.routing_key, "", letter.died_at)
    request = Finding(parcel, death, content_of(parcel)).request(**ending.WITHOUT_TRY)
    request.id = letter.job_id
    ending.end(request, letter.reason, f"{letter.error}; it could not be sent again: {why}")


def number(value: Any) -> int:
    return value if isinstance(value, int) else 0
