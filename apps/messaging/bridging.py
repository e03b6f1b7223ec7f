"""From the queues of the subscriptions to jobs: one for each event and subscription, whatever dies when."""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection, transaction
from kombu.exceptions import KombuError

from apps.jobs.errors import JobError
from apps.jobs.scrubbing import scrub_text
from apps.jobs.states import Source
from apps.jobs.submitting import JobTaken, submit
from apps.messaging import envelopes
from apps.messaging.patterns import matches
from apps.messaging.receiving import Arrival, Inbox
from apps.messaging.remembering import remember
from apps.messaging.subscribing import DECLARED

logger = logging.getLogger(__name__)

WAIT_SECONDS = 1.0
OUTAGE_SECONDS = 2.0
MISSING_SECONDS = 30.0  # until a queue that wasn't there is looked for again
# Of PostgreSQL away, read only, or without a column that the next migration makes: all of it passes.
LOST_DATABASE = (DatabaseError, InterfaceError)
WRONG_DATA = (DataError, IntegrityError)
UNFIT = (ValueError, TypeError, JobError, KombuError)
BODY_SHOWN = 500


class Bridging:
    """Works until `stop` is set. A message is acknowledged once its job's transaction has committed."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.inbox = Inbox(DECLARED.values())
        self.subscriptions = 0

    def run(self) -> None:
        remember(DECLARED.values())
        connection.close()
        if not DECLARED:
            self.stop.wait()
        while not self.stop.is_set():
            self.work()
            self.stop.wait(OUTAGE_SECONDS)

    def work(self) -> None:
        try:
            self.inbox.open()
            self.receive()
        except self.inbox.errors as error:
            logger.warning("the subscriptions' queues can't be read: %s", error)
        finally:
            self.inbox.close()
            connection.close()

    def receive(self) -> None:
        since = time.monotonic()
        while not self.stop.is_set():
            if arrivals := self.inbox.take(WAIT_SECONDS):
                self.settle(arrivals)
            if self.inbox.missing and time.monotonic() - since > MISSING_SECONDS:
                return

    def settle(self, arrivals: Sequence[Arrival]) -> None:
        """Waits for PostgreSQL, however long that takes: the broker counts what it gets back."""
        while not self.stop.is_set():
            try:
                unfit = hand_in_all(arrivals)
            except LOST_DATABASE as error:
                logger.warning("%d events wait for the database: %s", len(arrivals), error)
                connection.close()
                self.inbox.breathe(OUTAGE_SECONDS)
            else:
                self.acknowledge(arrivals, unfit)
                return

    def acknowledge(self, arrivals: Sequence[Arrival], unfit: dict[int, Exception]) -> None:
        """What is no event of ours goes to the dead letters, where the broker has such."""
        for place, arrival in enumerate(arrivals):
            if place in unfit:
                name, body = arrival.subscription.name, shown(arrival.message)
                logger.error("%s can't take %r: %s", name, body, unfit[place])
                arrival.message.reject()
            else:
                arrival.message.ack()
        self.subscriptions += len(arrivals) - len(unfit)


def shown(message: Any) -> str:
    """The beginning of its body, whatever that is."""
    body = message.body or b""
    text = body if isinstance(body, str) else bytes(body).decode(errors="replace")
    return scrub_text(text)[:BODY_SHOWN]


def hand_in_all(arrivals: Sequence[Arrival]) -> dict[int, Exception]:
    """The jobs of all, in one transaction; returns what is wrong with a message, by its place."""
    unfit: dict[int, Exception] = {}
    try:
        with transaction.atomic():
            for place, arrival in enumerate(arrivals):
                try:
                    hand_in(arrival)
                except UNFIT as error:
                    unfit[place] = error
    except Exception as error:  # one that nobody thought of holds up no other
        if isinstance(error, LOST_DATABASE) and not isinstance(error, WRONG_DATA):
            raise
        if len(arrivals) == 1:
            logger.exception("an event can't become a job")
            return {0: error}
        return {
            place: found
            for place, arrival in enumerate(arrivals)
            for found in hand_in_all([arrival]).values()
        }
    return unfit


def hand_in(arrival: Arrival) -> None:
    """Raises one of UNFIT."""
    fact, subscription = envelopes.read(arrival.message.payload), arrival.subscription
    if not matches(subscription.pattern, fact.topic):  # its queue was bound by another pattern before
        logger.warning("event %d, %s, is not for %s", fact.id, fact.topic, subscription.name)
        return
    job_id = envelopes.job_id(fact.id, fact.occurred_at, subscription.name)
    try:
        submit(subscription.task, args=[fact], id=job_id, source=Source.EVENT, tags=[fact.topic])
    except JobTaken:
        logger.info("event %d has come to %s before", fact.id, subscription.name)
