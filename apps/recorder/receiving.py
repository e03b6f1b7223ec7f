"""What comes from the dead-letter queue and the queue of the unrouted, one message at a time."""

from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from celery import current_app
from django.conf import settings
from kombu import Connection

from apps.jobs import tolerating  # noqa: F401 - no message may break the connection
from apps.jobs.resending import Parcel, broker_errors

PREFETCH = 50
CLOSE_SECONDS = 1.0


@dataclass(frozen=True)
class Arrival:
    """A message that waits for its acknowledgement."""

    tag: int
    parcel: Parcel
    unrouted: bool
    redelivered: bool


class Inbox:
    """A connection that consumes both queues. Not for use by several threads at once."""

    def __init__(self) -> None:
        self.connection: Connection = current_app.connection_for_read().clone(
            heartbeat=settings.CELERY_BROKER_HEARTBEAT
        )
        self.channel: Any = None
        self.waiting: deque[Arrival] = deque()

    @property
    def errors(self) -> tuple[type[BaseException], ...]:
        """What a broker out of reach raises, or one that breaks off."""
        return broker_errors(self.connection)

    def open(self) -> None:
        """Raises one of `errors`, also while the queues aren't there yet."""
        self.connection.ensure_connection(max_retries=1, timeout=settings.CELERY_BROKER_CONNECTION_TIMEOUT)
        channel: Any = self.connection.channel()
        channel.basic_qos(0, PREFETCH, False)  # noqa: FBT003 - py-amqp's signature
        channel.basic_consume(settings.DEAD_QUEUE, callback=self.on_dead)
        channel.basic_consume(settings.UNROUTED_QUEUE, callback=self.on_unrouted)
        self.channel = channel

    def on_dead(self, message: Any) -> None:
        self.put(message, unrouted=False)

    def on_unrouted(self, message: Any) -> None:
        self.put(message, unrouted=True)

    def put(self, message: Any, *, unrouted: bool) -> None:
        info = message.delivery_info
        self.waiting.append(
            Arrival(info["delivery_tag"], Parcel.of(message), unrouted, bool(info["redelivered"]))
        )

    def take(self, seconds: float) -> Arrival | None:
        """The next message; None when none came in that time. Raises one of `errors`."""
        if not self.waiting:
            self.breathe(seconds)
        return self.waiting.popleft() if self.waiting else None

    def breathe(self, seconds: float) -> None:
        """Stays alive for the broker, and hears what it says."""
        with suppress(TimeoutError):
            self.connection.drain_events(timeout=seconds)
        self.connection.heartbeat_check()

    def done(self, arrival: Arrival) -> None:
        self.channel.basic_ack(arrival.tag)

    def close(self) -> None:
        """What was not done comes again. Also of a broker that doesn't answer: it is not asked."""
        self.channel = None
        self.waiting.clear()
        with suppress(*self.errors):
            self.connection.collect(socket_timeout=CLOSE_SECONDS)
