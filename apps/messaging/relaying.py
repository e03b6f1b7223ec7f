"""Sending events to the exchange, in the order in which they were written.

The process that wrote them doesn't: their jobs begin in a recorder anyway, one sender keeps the order also
over an outage, and no web process needs a connection for it. PostgreSQL says at once that there are some.
"""

import logging
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from apps.jobs.duties import CLAIM, FROZEN_SECONDS
from apps.jobs.events import CHANNEL
from apps.jobs.models import Event
from apps.jobs.outgoing import OUTAGE_SECONDS, Outgoing
from apps.messaging import envelopes

logger = logging.getLogger(__name__)

BATCH = 500
LOOK_SECONDS = 1.0
# Until what a full queue refused is sent again, each time twice as long: the other queues get a copy.
REFUSED_SECONDS, REFUSED_MOST_SECONDS = 30.0, 3600.0


@dataclass(frozen=True)
class Refused:
    """Not sent again before `until`, by the monotonic clock: `seconds` after the last time."""

    seconds: float
    until: float


class EventRelay(Outgoing):
    """Sends what has no `published_at` until `stop` is set. Of several recorders one at a time does."""

    what = "events"

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(stop)
        self.events = 0
        self.refused: dict[int, Refused] = {}

    def round(self) -> None:
        while self.send_batch() == BATCH and not self.stop.is_set():
            pass
        if self.window is None:
            self.stop.wait(OUTAGE_SECONDS)
        self.pause()

    def send_batch(self) -> int:
        """Returns how many were sent."""
        with transaction.atomic():
            if not claimed():
                return 0
            now = time.monotonic()
            later = [pk for pk, refused in self.refused.items() if refused.until > now]
            rows = Event.objects.filter(published_at=None).exclude(pk__in=later)
            events = list(rows.order_by("pk")[:BATCH])
            sent = self.send(events)
            Event.objects.filter(pk__in=sent).update(published_at=timezone.now())
        for pk in sent:
            self.refused.pop(pk, None)
        self.events += len(sent)
        return len(sent)

    def send(self, events: Sequence[Event]) -> list[int]:
        """The numbers of those that the broker has. What it didn't answer to is sent again, soon."""
        window = self.connected()
        if not events:
            return []
        try:
            answers = envelopes.send(window, [envelopes.event_message(event) for event in events])
        except window.errors as error:
            logger.warning("%d events wait for the broker: %s", len(events), error)
            self.disconnect()
            return []
        for pk, why in answers.items():
            if why:
                logger.error("event %s can't be sent: %s", pk, why)
                before = self.refused.get(int(pk))
                seconds = min(2 * before.seconds, REFUSED_MOST_SECONDS) if before else REFUSED_SECONDS
                self.refused[int(pk)] = Refused(seconds, time.monotonic() + seconds)
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


def claimed() -> bool:
    """Whether this process may send now. One that freezes meanwhile gives way."""
    with connection.cursor() as cursor:
        cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{FROZEN_SECONDS}s'")
        cursor.execute(CLAIM, ["events"])
        return bool(cursor.fetchone()[0])
