"""A worker ends jobs that were asked to end and didn't: it kills the process of its pool that runs them.

A thread looks every second, at jobs that run for longer than that. Whether a job still runs is decided in the
worker's own loop, which also gives a process its next job: so no other job is killed.
"""

import logging
import threading
import time
from dataclasses import dataclass
from signal import SIGKILL
from typing import Any

from celery import bootsteps, states
from celery.concurrency.prefork import TaskPool
from celery.exceptions import TaskRevokedError
from celery.worker import state
from celery.worker.request import Request

from apps.jobs.backends import ledger_backend
from apps.jobs.heartbeat import before, snapshot
from apps.jobs.state import redis_error
from apps.jobs.stream.names import tries_key
from apps.jobs.stream.reaching import stream_redis
from apps.running import answering, dumping, stopping  # noqa: F401 - a worker listens by it
from apps.running.asking import grace_of

logger = logging.getLogger(__name__)

LOOK_SECONDS = 1.0
LAST_SECONDS = 5.0  # for a process to go after SIGTERM


@dataclass
class Asked:
    """Times are the monotonic clock's. `killed` is when its process was told to go, 0 before."""

    request: Request
    since: float
    ending: bool = False
    killed: float = 0.0


class Watch:
    def __init__(self, worker: Any) -> None:
        self.worker = worker
        self.over = threading.Event()
        self.asked: dict[str, Asked] = {}

    def run(self) -> None:
        while not self.over.wait(LOOK_SECONDS):
            try:
                self.look()
            except redis_error() as error:
                logger.debug("whether jobs shall end can't be asked: %s", error)

    def look(self) -> None:
        running = {str(request.id): request for request in lasting()}
        now = time.monotonic()
        for job_id in wanted(sorted(running)):
            asked = self.asked.get(job_id)
            if asked is None or (asked.request is not running[job_id] and not asked.ending):
                self.asked[job_id] = Asked(running[job_id], now)
        for job_id, asked in list(self.asked.items()):
            if asked.ending:
                self.finish(job_id, asked, now)
            elif running.get(job_id) is not asked.request:
                del self.asked[job_id]
            elif now - asked.since >= grace_of(str(asked.request.name)):
                self.end(asked)

    def end(self, asked: Asked) -> None:
        """Redis first, so that neither the killed try nor another copy of its message counts."""
        request = asked.request
        if not isinstance(self.worker.pool, TaskPool):
            asked.ending = True
            logger.warning("%s was asked to end and goes on: a thread can't be killed", request.humaninfo())
            return
        backend = ledger_backend(request.task)
        if backend is not None:
            error, kept = TaskRevokedError("cancelled"), request.store_errors
            context = request._context  # type: ignore[attr-defined] # noqa: SLF001 - as Celery itself does
            backend.store_result(request.id, error, states.REVOKED, None, context, kept=kept)
            if state_of(request.id) != states.REVOKED:
                asked.ending = True
                return
        asked.ending = True
        logger.warning("%s was asked to end and goes on: its process is killed", request.humaninfo())
        self.worker.consumer.call_soon(self.terminate, asked)

    def terminate(self, asked: Asked) -> None:
        if asked.request in state.active_requests:
            asked.killed = time.monotonic()
            asked.request.terminate(self.worker.pool)

    def finish(self, job_id: str, asked: Asked, now: float) -> None:
        """What doesn't go when it is told to go is killed for good."""
        result = getattr(asked.request, "_apply_result", None)
        pending = result() if result is not None else None
        if not isinstance(self.worker.pool, TaskPool) or pending is None or pending.ready():
            if asked.request not in state.active_requests:
                del self.asked[job_id]
        elif asked.killed and now - asked.killed > LAST_SECONDS:
            asked.killed = now
            self.worker.consumer.call_soon(self.kill, asked.request, pending)

    def kill(self, request: Request, pending: Any) -> None:
        if not pending.ready():
            self.worker.pool.terminate_job(request.worker_pid, SIGKILL)


def lasting() -> list[Request]:
    """What this worker runs for more than a moment."""
    found: list[Request] = snapshot(lambda: state.active_requests)
    began = time.time() - LOOK_SECONDS
    return [request for request in found if request.time_start and request.time_start < began]


def wanted(job_ids: list[str]) -> list[str]:
    """Those that shall end. Raises redis's errors."""
    if not job_ids:
        return []
    with stream_redis().pipeline(transaction=False) as pipe:
        for job_id in job_ids:
            pipe.hexists(tries_key(job_id), "c")
        return [job_id for job_id, is_asked in zip(job_ids, pipe.execute(), strict=True) if is_asked]


def state_of(job_id: str) -> str:
    found: Any = stream_redis().hget(tries_key(job_id), "s")
    return found.decode() if found else ""


class WatchCancels(bootsteps.StartStopStep):
    """The worker's part: `app.steps["worker"]`. Made before the pool forks, and begun after it."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        self.watch = Watch(worker)
        dumping.prepare()
        worker.wait_for_soft_shutdown = before(stopping.tell, worker.wait_for_soft_shutdown)

    def start(self, worker: Any) -> None:
        threading.Thread(target=self.watch.run, name="cancels", daemon=True).start()

    def stop(self, worker: Any) -> None:
        """Jobs may still be running, and be asked to end."""

    def terminate(self, worker: Any) -> None:
        self.watch.over.set()
