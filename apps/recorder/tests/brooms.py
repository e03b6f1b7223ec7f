"""A sweeper inside the test, on a thread and a database session of its own, and what it looks at."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, TypeVar

from celery import current_app
from celery.app.task import Context
from django.db import connection

from apps.jobs import submit
from apps.jobs.beats import INSTANCES, Beat, key_of
from apps.jobs.identity import instance
from apps.jobs.models import Job
from apps.jobs.publishing import flush
from apps.jobs.state import state_redis
from apps.jobs.tests.sample_tasks import add_task
from apps.jobs.workers import mended
from apps.recorder.peeking import peek
from apps.recorder.reading import Reader
from apps.recorder.recording import record
from apps.recorder.relaying import Relaying
from apps.recorder.sweeping import Sweeping
from tests.waiting import wait_until

ENOUGH = 5  # looks: more than any doubt needs when it needs no time
QUEUE = "report"
Found = TypeVar("Found")


class Broom:
    """Sweeps when it is told to."""

    def __init__(self) -> None:
        self.pool = ThreadPoolExecutor(1)
        self.sweeping = Sweeping(threading.Event())

    def apart(self, work: Callable[[], Found]) -> Found:
        return self.pool.submit(work).result()

    def sweep(self, times: int = ENOUGH, each: Callable[[], Any] = bool) -> dict[str, int]:
        """Sweeps, with something done before `each`, and records it all; returns what was mended."""
        before = Counter(mended())
        for _ in range(times):
            each()
            record_all()
            self.apart(self.sweeping.sweep)
        record_all()
        return dict(Counter(mended()) - before)

    def sweep_until(self, name: str, each: Callable[[], Any] = bool) -> dict[str, int]:
        """Sweeps until such a thing is mended."""

        def look() -> dict[str, int]:
            found = self.sweep(1, each)
            return found if name in found else {}

        return wait_until(look, what=name)

    def close(self) -> None:
        self.apart(lambda: connection.close())  # noqa: PLW0108 - of that thread
        self.pool.shutdown()


def record_all() -> None:
    """What a recorder would have written by now."""
    reader = Reader()
    reader.join()
    while entries := reader.read(1000, 1):
        record(entries)
        reader.done([entry_id for entry_id, _ in entries])


def relay() -> int:
    relaying = Relaying(threading.Event())
    try:
        return relaying.publish_batch()
    finally:
        relaying.disconnect()


def published(**options: Any) -> Job:
    """A job that the broker has and no worker takes."""
    job = submit(add_task, kwargs={"left": 1}, **{"queue": QUEUE, **options})
    assert flush()
    record_all()
    return row(job)


def row(job: Job) -> Job:
    return Job.objects.get(id=job.id)


def ready(queue: str = QUEUE) -> int:
    return peek([queue])[queue].ready


@contextmanager
def taken(queue: str = QUEUE) -> Iterator[None]:
    """A consumer has every message of the queue and doesn't say so."""
    with current_app.connection_for_read() as wire:
        channel: Any = wire.default_channel
        channel.basic_consume(queue, callback=lambda _: None)
        wire.drain_events(timeout=5)
        yield


def request_of(job: Job, worker: str = "w1@here", **more: Any) -> Context:
    """What a worker has of a message of the job."""
    found = {
        "id": job.id, "task": job.task, "args": job.args, "kwargs": job.kwargs, "hostname": worker,
        "delivery_info": {"routing_key": job.queue}, "retries": 0, "called_directly": False,
    }  # fmt: skip
    return Context(found | more)


def start(job: Job, worker: str = "w1@here", **more: Any) -> Context:
    """A worker begins to run it."""
    request = request_of(job, worker, **more)
    begun = current_app.backend.start(request, tracked=True)
    assert begun.verdict == "run"
    request.update(try_number=begun.number, try_token=begun.token)
    return request


def beat(worker: str = "w1@here", number: int | None = None, **more: Any) -> Beat:
    """The worker is heard."""
    found = Beat(instance(worker), worker, 1, (QUEUE,), 2, time.time(), number or time.monotonic_ns(), **more)
    state_redis().set(key_of(found.instance), found.to_json())
    state_redis().sadd(INSTANCES, found.instance)
    return found
