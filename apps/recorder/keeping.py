"""Keeping dead letters: no message is dropped without a row, and its job ends with a reason."""

import hashlib
import json
import logging
import threading
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone

from apps.jobs import ending, keys
from apps.jobs.ending import Standing
from apps.jobs.examining import Finding, examine
from apps.jobs.models import DeadLetter, Job
from apps.jobs.resending import Parcel, Post
from apps.jobs.state import redis_error
from apps.jobs.states import Reason, State
from apps.jobs.stream.documents import cleaned
from apps.recorder.judging import REJECTIONS, Verdict, judge, retrial
from apps.recorder.receiving import Arrival, Inbox

logger = logging.getLogger(__name__)

WAIT_SECONDS = 1.0
OUTAGE_SECONDS = 2.0
LOST_DATABASE = (OperationalError, InterfaceError)
KEEPER = "recorder"  # who sent a letter again, where no person did
NAME_LENGTH, ERROR_LENGTH = 255, 1000
COUNT_MAX = 2**31 - 1
UNSHOWN = {"unshown": "too deeply nested to be shown"}


class Keeping:
    """Takes what is dead or unrouted until `stop` is set; a message is acknowledged once it is settled."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.inbox, self.post = Inbox(), Post()
        self.kept = self.resent = 0

    def run(self) -> None:
        if not settings.PUBLISH_OPTIONS:  # only RabbitMQ has dead letters
            self.stop.wait()
        while not self.stop.is_set():
            try:
                self.inbox.open()
                self.receive()
            except self.inbox.errors as error:
                logger.warning("dead letters can't be taken: %s", error)
            finally:
                self.inbox.close()
                self.post.close()
            self.stop.wait(OUTAGE_SECONDS)

    def receive(self) -> None:
        while not self.stop.is_set():
            arrival = self.inbox.take(WAIT_SECONDS)
            if arrival and self.settled(arrival):
                self.inbox.done(arrival)

    def settled(self, arrival: Arrival) -> bool:
        """Waits for PostgreSQL and Redis; False when it was asked to stop meanwhile."""
        while not self.stop.is_set():
            try:
                self.settle(arrival)
            except (*LOST_DATABASE, redis_error()) as error:
                logger.warning("a dead letter waits: %s", error)
                connection.close()
                self.inbox.breathe(OUTAGE_SECONDS)
            except self.inbox.errors:
                raise
            except Exception as error:
                if not arrival.redelivered:
                    raise
                logger.exception("a dead letter is kept unread, so that those behind it go on")
                keep_unread(arrival, error)
                self.kept += 1
                return True
            else:
                return True
        return False

    def settle(self, arrival: Arrival) -> None:
        finding = examine(arrival.parcel, unrouted=arrival.unrouted)
        job_id = finding.content.job_id
        standing = ending.standing_of(job_id)
        if finding.reason == Reason.DELIVERY_LIMIT and self.was_sent_again(finding, standing):
            return
        unknown = finding.reason in REJECTIONS and standing.failed and ending.was_unknown(job_id)
        verdict = judge(finding, standing, unknown=unknown)
        if verdict.again:
            refusal = self.send_again(finding, verdict, verdict.again)
            if not refusal:
                return
            verdict = replace(
                verdict, words=f"{verdict.words}, and it can't be sent again: {refusal}", ends=True
            )
        keep(finding, verdict, deliveries=deliveries_of(arrival) or standing.starts)
        self.kept += 1
        if verdict.ends:
            end(finding, standing, verdict)

    def was_sent_again(self, finding: Finding, standing: Standing) -> bool:
        """Whether a recorder was about to and died then. Its message may not have gone out, so it goes now.

        Where both arrive, the second is a copy of a running job's message, which workers ignore.
        """
        begun = DeadLetter.objects.filter(digest=finding.digest(), requeued_by=KEEPER)
        return begun.exists() and (standing.ended or not self.post.send(retrial(finding)))

    def send_again(self, finding: Finding, verdict: Verdict, again: Parcel) -> str:
        """Lets the job run again, then sends its message. Returns why the broker refuses it, if it does."""
        job_id = finding.content.job_id
        suspect = verdict.reason == Reason.DELIVERY_LIMIT
        if suspect:  # written down first: once its message runs, it looks as if it had been run all the time
            keep(finding, verdict, requeued_at=timezone.now(), requeued_by=KEEPER)
        with transaction.atomic():
            # It may have ended, and another job have its key by now.
            if not suspect and (holder := keys.take_back(job_id, finding.parcel.headers)):
                return f"job {holder.id} has its key"
            ending.reopen(job_id, verdict.words, verdict.due)
        refusal = self.post.send(again)
        if refusal:
            logger.error("job %s can't be sent again: %s", job_id, refusal)
            DeadLetter.objects.filter(digest=finding.digest()).delete()
            return refusal
        if suspect:
            Job.objects.filter(id=job_id).update(resends=F("resends") + 1)
        logger.info("job %s is sent again: %s", job_id, verdict.words)
        self.resent += 1
        return ""


def keep(finding: Finding, verdict: Verdict, **columns: Any) -> None:
    """Writes it down; a message that comes a second time has its row already."""
    parcel, death, content = finding.parcel, finding.death, finding.content
    row: dict[str, Any] = {
        "digest": finding.digest(),
        "job_id": content.job_id,
        "task": content.task,
        "queue": text(death.queue),
        "exchange": text(death.exchange),
        "routing_key": text(death.routing_key),
        "reason": verdict.reason,
        "error": verdict.words,
        "headers": shown(parcel.headers),
        "properties": shown(parcel.properties),
        "envelope": parcel.envelope(),
        "body": parcel.body,
        "died_at": death.at,
    }
    write(row | columns)


def keep_unread(arrival: Arrival, error: Exception) -> None:
    """The bytes of a message on which everything else has failed twice."""
    digest = hashlib.sha256(arrival.parcel.body + repr(arrival.parcel.headers).encode()).hexdigest()
    row: dict[str, Any] = {
        "digest": digest,
        "reason": Reason.REJECTED,
        "error": f"{type(error).__name__}: {error}"[:ERROR_LENGTH],
        "queue": text(arrival.parcel.routing_key),
        "body": arrival.parcel.body,
        "died_at": timezone.now(),
    }
    write(row)


def write(row: dict[str, Any]) -> None:
    DeadLetter.objects.bulk_create([DeadLetter(**row)], ignore_conflicts=True)


def end(finding: Finding, standing: Standing, verdict: Verdict) -> None:
    given_up = verdict.reason == Reason.DELIVERY_LIMIT
    if given_up:
        ending.lose(finding.content.job_id, verdict.words)
    runs = standing.state == State.STARTED and not given_up
    request = finding.request(**({} if runs else ending.WITHOUT_TRY))
    ending.end(request, verdict.reason, verdict.words)


def deliveries_of(arrival: Arrival) -> int:
    """How often a worker had it; brokers before 4.0 don't tell. A second delivery to us counts ours."""
    told = arrival.parcel.headers.get("x-delivery-count")
    return min(told, COUNT_MAX) if isinstance(told, int) and not arrival.redelivered and told > 0 else 0


def text(value: str) -> str:
    return str(cleaned(value))[:NAME_LENGTH]


def shown(table: dict[Any, Any]) -> Any:
    """For people, as JSON; the envelope has it as it was."""
    try:
        return json.loads(json.dumps(cleaned(table), default=str))
    except RecursionError:
        return UNSHOWN
