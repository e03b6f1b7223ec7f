"""What comes from the queues of the subscriptions."""

import logging
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from typing import Any

from amqp.exceptions import NotFound
from celery import current_app
from django.conf import settings
from kombu import Connection, Consumer, Queue

from apps.jobs import tolerating  # noqa: F401 - no message may break the connection
from apps.jobs.resending import broker_errors
from apps.messaging.subscribing import Declared

logger = logging.getLogger(__name__)

BATCH = PREFETCH = 100
MORE_SECONDS = 0.01  # what is on its way comes with the first
CLOSE_SECONDS = 1.0


@dataclass(frozen=True)
class Arrival:
    """A message that waits for its acknowledgement."""

    subscription: Declared
    message: Any


class Inbox:
    """A connection that consumes the queues. Not for use by several threads at once."""

    def __init__(self, subscriptions: Iterable[Declared]) -> None:
        self.subscriptions = list(subscriptions)
        self.connection: Connection = current_app.connection_for_read().clone(
            heartbeat=settings.CELERY_BROKER_HEARTBEAT
        )
        self.waiting: deque[Arrival] = deque()
        self.missing: set[str] = set()

    @property
    def errors(self) -> tuple[type[BaseException], ...]:
        """What a broker out of reach raises, or one that breaks off."""
        return broker_errors(self.connection)

    def open(self) -> None:
        """Raises one of `errors`. A queue that isn't there stops no other."""
        self.connection.ensure_connection(max_retries=1, timeout=settings.CELERY_BROKER_CONNECTION_TIMEOUT)
        missing = {declared.queue for declared in self.subscriptions if not self.has(declared.queue)}
        if missing - self.missing:
            logger.warning("run manage.py topology: there is no queue %s", ", ".join(sorted(missing)))
        self.missing = missing
        channel: Any = self.connection.channel()
        for declared in self.subscriptions:
            if declared.queue not in missing:
                taken = partial(self.put, declared)
                queues = [Queue(declared.queue)]
                Consumer(
                    channel, queues, on_message=taken, auto_declare=False, prefetch_count=PREFETCH
                ).consume()

    def has(self, queue: str) -> bool:
        """Redis has no queues: an empty one is none at all."""
        if not settings.PUBLISH_OPTIONS:
            return True
        channel: Any = self.connection.channel()
        try:
            channel.queue_declare(queue, passive=True)
        except NotFound:
            return False
        channel.close()
        return True

    def put(self, declared: Declared, message: Any) -> None:
        self.waiting.append(Arrival(declared, message))

    def take(self, seconds: float) -> list[Arrival]:
        """The next messages; none when none came in that time. Raises one of `errors`."""
        if not self.waiting:
            self.breathe(seconds)
        known = -1
        while known < len(self.waiting) < BATCH:
            known = len(self.waiting)
            self.breathe(MORE_SECONDS if known else 0.001)
        return [self.waiting.popleft() for _ in range(min(BATCH, len(self.waiting)))]

    def breathe(self, seconds: float) -> None:
        """Stays alive for the broker, and hears what it says."""
        with suppress(TimeoutError):
            self.connection.drain_events(timeout=seconds)
        self.connection.heartbeat_check()

    def close(self) -> None:
        """What was not acknowledged comes again. Also of a broker that doesn't answer: it is not asked."""
        self.waiting.clear()
        with suppress(*self.errors):
            self.connection.collect(socket_timeout=CLOSE_SECONDS)
