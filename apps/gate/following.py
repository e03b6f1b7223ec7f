"""A running worker stops taking from queues that are paused, and takes from them again afterwards.

A thread looks every second, so that the worker's loop never waits for Redis. What the worker has in hand
already is held when it would begin. What it takes from, it tells (`looking`).
"""

import logging
import threading
from typing import Any

from celery import bootsteps
from django.db import connection

from apps.gate import desired, looking
from apps.gate.desired import LOOK_SECONDS, Desired
from apps.gate.looking import Taking
from apps.jobs.state import redis_error

logger = logging.getLogger(__name__)


class FollowPauses(bootsteps.StartStopStep):
    """The consumer's part: `app.steps["consumer"]`. `worker.paused_queues` outlives a lost connection."""

    requires = ("celery.worker.consumer.tasks:Tasks",)

    def __init__(self, consumer: Any, **kwargs: Any) -> None:
        super().__init__(consumer, **kwargs)
        self.over = threading.Event()

    def start(self, consumer: Any) -> None:
        worker = consumer.controller
        if not hasattr(worker, "paused_queues"):
            worker.paused_queues = set()
        self.over = threading.Event()
        watch = threading.Thread(target=self.watch, args=(consumer, self.over), name="pauses", daemon=True)
        watch.start()

    def stop(self, consumer: Any) -> None:
        self.over.set()

    def watch(self, consumer: Any, over: threading.Event) -> None:
        known: frozenset[str] | None = None
        try:
            while not over.is_set():
                stopped = stopped_queues(desired.current(), consumer)
                if stopped != known:
                    known = stopped
                    consumer.call_soon(follow, consumer, stopped)
                tell(consumer)
                over.wait(LOOK_SECONDS)
        finally:
            connection.close()


def stopped_queues(wanted: Desired, consumer: Any) -> frozenset[str]:
    """Of the queues that this worker is for, those that are paused."""
    names = {*consumer.app.amqp.queues.consume_from, *consumer.controller.paused_queues}
    return frozenset(name for name in names if wanted.stops_queue(name))


def follow(consumer: Any, stopped: frozenset[str]) -> None:
    """Runs in the worker's own loop. Queues that somebody else cancelled are left alone."""
    paused: set[str] = consumer.controller.paused_queues
    for name in sorted(stopped - paused):
        logger.info("queue %s is paused", name)
        consumer.cancel_task_queue(name)
    for name in sorted(paused - stopped):
        logger.info("queue %s is resumed", name)
        consumer.add_task_queue(name)
    paused.clear()
    paused.update(stopped)


def tell(consumer: Any) -> None:
    taken = frozenset(consumer.app.amqp.queues.consume_from)
    paused = frozenset(consumer.controller.paused_queues)
    try:
        looking.tell(
            consumer.controller.pulse.instance, Taking(tuple(sorted(taken - paused)), tuple(sorted(paused)))
        )
    except redis_error() as error:
        logger.debug("nobody hears which queues are paused: %s", error)
