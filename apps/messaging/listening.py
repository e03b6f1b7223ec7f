"""Hearing broadcasts: a thread of its own in each worker and recorder, with a connection of its own."""

import logging
import threading
from contextlib import suppress
from typing import Any
from uuid import uuid4

from celery import bootsteps, current_app
from django.conf import settings
from django.db import close_old_connections
from kombu import Connection, Consumer, Exchange, Queue

from apps.jobs import tolerating  # noqa: F401 - no message may break the connection
from apps.jobs.resending import broker_errors
from apps.messaging import broadcasting

logger = logging.getLogger(__name__)

WAIT_SECONDS = 1.0
OUTAGE_SECONDS = 2.0
CLOSE_SECONDS = 1.0
STOP_SECONDS = 5.0
WAITING_MOST = 1000  # of a process that is frozen
EXPIRES_SECONDS = 3600


class Listening:
    """Listens until `stop` is set, and again after each outage of the broker."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.broadcasts = 0
        self.connection: Connection = current_app.connection_for_read().clone(
            heartbeat=settings.CELERY_BROKER_HEARTBEAT
        )

    def run(self) -> None:
        while not self.stop.is_set():
            try:
                self.listen()
            except broker_errors(self.connection) as error:
                logger.warning("broadcasts can't be heard: %s", error)
            finally:
                self.close()
            self.stop.wait(OUTAGE_SECONDS)

    def listen(self) -> None:
        self.connection.ensure_connection(max_retries=1, timeout=settings.CELERY_BROKER_CONNECTION_TIMEOUT)
        channel: Any = self.connection.channel()
        own = queue().bind(channel)
        own.declare()
        Consumer(channel, [own], on_message=self.take, no_ack=True, auto_declare=False).consume()
        logger.debug("listening for broadcasts")
        while not self.stop.is_set():
            with suppress(TimeoutError):
                self.connection.drain_events(timeout=WAIT_SECONDS)
            self.connection.heartbeat_check()

    def take(self, message: Any) -> None:
        self.broadcasts += 1
        close_old_connections()  # a handler may look into the database, which was away perhaps
        try:
            broadcasting.hear(message.payload)
        except Exception:  # it may be of anybody, and of any kind
            logger.exception("a broadcast can't be read")
        finally:
            close_old_connections()

    def close(self) -> None:
        with suppress(*broker_errors(self.connection)):
            self.connection.collect(socket_timeout=CLOSE_SECONDS)


def queue() -> Queue:
    """This process's own; it goes with its connection."""
    exchange = Exchange(
        settings.BROADCAST_EXCHANGE, type="fanout", no_declare=not settings.PUBLISHER_EXCHANGES
    )
    return Queue(
        f"{settings.BROADCAST_EXCHANGE}.{uuid4().hex}", exchange, exclusive=True, auto_delete=True,
        durable=False, expires=EXPIRES_SECONDS, max_length=WAITING_MOST,
    )  # fmt: skip


class Listen(bootsteps.StartStopStep):
    """The worker's part: `app.steps["worker"]`. After the pool, which has forked then."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        self.over = threading.Event()
        self.thread: threading.Thread | None = None

    def start(self, worker: Any) -> None:
        listening = Listening(self.over)
        self.thread = threading.Thread(target=listening.run, name="broadcasts", daemon=True)
        self.thread.start()

    def stop(self, worker: Any) -> None:
        self.over.set()
        if self.thread is not None:
            self.thread.join(STOP_SECONDS)

    def terminate(self, worker: Any) -> None:
        self.over.set()
