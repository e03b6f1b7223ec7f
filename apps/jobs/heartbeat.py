"""What a worker tells of itself every few seconds, in the state Redis: that it lives, and what it holds.

Its own event loop does it (prefork), so that a worker whose loop hangs falls silent. While the loop is
away for a good reason (it looks for the broker, or waits for its jobs to finish before it stops) a
thread does it, and so it is with the other pools.
"""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from functools import cached_property
from typing import Any

from celery import bootsteps
from celery.concurrency.prefork import TaskPool
from celery.signals import worker_shutdown
from celery.worker import state
from django.conf import settings

from apps.jobs.beats import INSTANCES, KEPT_SECONDS, Beat, beat_seconds, key_of
from apps.jobs.identity import instance
from apps.jobs.state import redis_error

logger = logging.getLogger(__name__)

TIMEOUT_SECONDS = 0.5
HELD_MOST = 2000


class Pulse:
    """Tells of one worker. Its methods never raise and wait for Redis half a second at most."""

    def __init__(self, worker: Any) -> None:
        self.worker = worker
        self.instance = instance(worker.hostname)  # before the pool forks: its processes know it too
        self.started = time.time()
        self.beats = 0
        self.told = True
        self.over = False
        self.thread: threading.Thread | None = None
        self.back = threading.Event()
        self.has_loop = worker.use_eventloop and issubclass(worker.pool_cls, TaskPool)

    def begin(self) -> None:
        if self.has_loop:
            self.worker.timer.call_repeatedly(beat_seconds(), self.beat_by_loop)
        else:
            self.leave_loop()

    def beat_by_loop(self) -> None:
        """The loop runs, so the thread's time is over."""
        if not self.over:
            self.end_thread()
            self.beat()

    def leave_loop(self) -> None:
        """From now on a thread beats, until the loop does again."""
        if self.thread is None and not self.over:
            self.back = threading.Event()
            self.thread = threading.Thread(target=self.beat_by_thread, name="heartbeat", daemon=True)
            self.thread.start()

    def beat_by_thread(self) -> None:
        back = self.back
        self.beat()
        while not back.wait(beat_seconds()):
            self.beat()

    def end_thread(self) -> None:
        self.back.set()
        if self.thread is not None and self.thread is not threading.current_thread():
            self.thread.join(4 * TIMEOUT_SECONDS)
        self.thread = None

    def beat(self) -> None:
        self.beats += 1
        self.tell(stopped=False)

    def finish(self) -> None:
        """The worker stops on purpose: nobody need wait for it."""
        if not self.over:
            self.over = True
            self.end_thread()
            self.beats += 1
            self.tell(stopped=True)

    def tell(self, *, stopped: bool) -> None:
        text = self.latest(stopped=stopped).to_json()
        try:
            with self.redis.pipeline(transaction=False) as pipe:
                pipe.set(key_of(self.instance), text, ex=KEPT_SECONDS)
                pipe.sadd(INSTANCES, self.instance)
                pipe.execute()
        except redis_error() as error:
            if self.told:
                logger.warning("the heartbeat can't be written: %s", error)
            self.told = False
        else:
            if not self.told:
                logger.info("the heartbeat is written again")
            self.told = True

    def latest(self, *, stopped: bool) -> Beat:
        held = held_ids()
        return Beat(
            instance=self.instance,
            name=self.worker.hostname,
            pid=os.getpid(),
            queues=tuple(sorted(self.worker.app.amqp.queues.consume_from)),
            concurrency=processes(self.worker),
            started=self.started,
            number=self.beats,
            held=tuple(held[:HELD_MOST]),
            whole=len(held) <= HELD_MOST,
            stopped=stopped,
        )

    @cached_property
    def redis(self) -> Any:
        """A client of its own, which waits for nothing: a loop that waits for Redis does nothing else."""
        from redis import Redis
        from redis.backoff import NoBackoff
        from redis.retry import Retry

        return Redis.from_url(
            settings.STATE_REDIS_URL,
            socket_timeout=TIMEOUT_SECONDS,
            socket_connect_timeout=TIMEOUT_SECONDS,
            retry=Retry(NoBackoff(), 0),
        )


def processes(worker: Any) -> int:
    try:
        return int(worker.pool.num_processes)
    except AttributeError:  # before the pool has begun and after it has ended
        return int(worker.concurrency)


def held_ids() -> list[str]:
    """The jobs whose messages this worker has, running or not.

    Celery's `requests` knows one message of a job; of one that came twice the sets know both.
    """
    groups: tuple[Callable[[], Iterable[Any]], ...] = (
        state.requests.values,
        lambda: state.reserved_requests,
        lambda: state.active_requests,
        lambda: state.scheduled_requests,  # type: ignore[attr-defined] # newer than its stubs
    )
    return sorted({request.id for group in groups for request in snapshot(group)})


def snapshot(group: Callable[[], Iterable[Any]]) -> list[Any]:
    """A copy of what another thread may be changing."""
    while True:
        try:
            return list(group())
        except RuntimeError as error:
            logger.debug("looked in the middle of a change: %s", error)


class Heartbeat(bootsteps.StartStopStep):
    """The worker's own part: `app.steps["worker"]`."""

    requires = ("celery.worker.components:Timer",)

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        worker.pulse = Pulse(worker)
        worker.wait_for_soft_shutdown = before(worker.pulse.leave_loop, worker.wait_for_soft_shutdown)

    def start(self, worker: Any) -> None:
        worker.pulse.begin()

    def stop(self, worker: Any) -> None:
        """Jobs may still be running: `worker_shutdown` says when they no longer are."""

    def terminate(self, worker: Any) -> None:
        worker.pulse.finish()


class LeaveLoop(bootsteps.StartStopStep):
    """The consumer's part, `app.steps["consumer"]`: the first to hear that the connection is lost.

    Connecting anew, and taking up the queues again, may each wait long for a broker that says nothing.
    """

    requires = tuple(
        f"celery.worker.consumer.{step}"
        for step in ("heart:Heart", "gossip:Gossip", "control:Control", "delayed_delivery:DelayedDelivery")
    )

    def stop(self, consumer: Any) -> None:
        consumer.controller.pulse.leave_loop()


@worker_shutdown.connect(dispatch_uid="jobs.heartbeat")
def tell_of_the_end(sender: Any = None, **_: Any) -> None:
    pulse = getattr(sender, "pulse", None)
    if pulse is not None:
        pulse.finish()


def before(first: Callable[[], None], then: Callable[[], Any]) -> Callable[[], Any]:
    def both() -> Any:
        first()
        return then()

    return both
