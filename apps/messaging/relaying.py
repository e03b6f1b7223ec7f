"""Sending events to the exchange, in the order in which they were written.

The process that wrote them doesn't: their jobs begin in a recorder anyway, one sender keeps the order also
over an outage, and no web process needs a connection for it. PostgreSQL says at once that there are some.
"""

import logging
import threading
import time
from collections.abc import Sequence
from typing import Any

import psycopg
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone

from apps.jobs.confirming import Window
from apps.jobs.duties import CLAIM, FROZEN_SECONDS
from apps.jobs.events import CHANNEL
from apps.jobs.models import Event
from apps.messaging import envelopes

logger = logging.getLogger(__name__)

BATCH = 500
LOOK_SECONDS = 1.0
OUTAGE_SECONDS = 2.0
REFUSED_SECONDS = 30.0  # until what a full queue refused is tried again; what comes after it goes on
LOST_DATABASE = (OperationalError, InterfaceError, psycopg.OperationalError)


class EventRelay:
    """Sends what has no `published_at` until `stop` is set. Of several recorders one at a time does."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.window: Window | None = None
        self.events = 0
        self.refused: dict[int, float] = {}

    def run(self) -> None:
        try:
            while not self.stop.is_set():
                self.look()
        finally:
            self.disconnect()
            connection.close()

    def look(self) -> None:
        try:
            while self.send_batch() == BATCH and not self.stop.is_set():
                pass
            if self.window is None:
                self.stop.wait(OUTAGE_SECONDS)
            self.pause()
        except LOST_DATABASE as error:
            logger.warning("events can't be read: %s", error)
            connection.close()
            self.stop.wait(OUTAGE_SECONDS)

    def send_batch(self) -> int:
        """Returns how many were sent."""
        with transaction.atomic():
            if not claimed():
                self.window = self.window or Window()
                return 0
            now = time.monotonic()
            self.refused = {pk: until for pk, until in self.refused.items() if until > now}
            rows = Event.objects.filter(published_at=None).exclude(pk__in=self.refused)
            events = list(rows.order_by("pk")[:BATCH])
            sent = self.send(events)
            Event.objects.filter(pk__in=sent).update(published_at=timezone.now())
        self.events += len(sent)
        return len(sent)

    def send(self, events: Sequence[Event]) -> list[int]:
        """The numbers of those that the broker has. What it didn't answer to is sent again, soon."""
        self.window = self.window or Window()
        if not events:
            return []
        try:
            answers = envelopes.send(self.window, [envelopes.event_message(event) for event in events])
        except self.window.errors as error:
            logger.warning("%d events wait for the broker: %s", len(events), error)
            self.disconnect()
            return []
        for pk, why in answers.items():
            if why:
                logger.error("event %s can't be sent: %s", pk, why)
                self.refused[int(pk)] = time.monotonic() + REFUSED_SECONDS
        if len(answers) < len(events):
            logger.warning("%d events were not confirmed in time", len(events) - len(answers))
            self.disconnect()
        return [int(pk) for pk, why in answers.items() if why is None]

    def pause(self) -> None:
        """Until PostgreSQL tells of an event, at most LOOK_SECONDS."""
        connection.ensure_connection()
        raw: Any = connection.connection
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")
        list(raw.notifies(timeout=LOOK_SECONDS, stop_after=1))

    def disconnect(self) -> None:
        if self.window is not None:
            self.window.close()
            self.window = None


def claimed() -> bool:
    """Whether this process may send now. One that freezes meanwhile gives way."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{FROZEN_SECONDS}s'")
        cursor.execute(CLAIM, ["events"])
        return bool(cursor.fetchone()[0])
