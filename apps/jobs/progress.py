"""How far a running job is. Kept in Redis, so that it shows before the job's transaction ends."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeVar

from celery import current_task

from apps.jobs.state import state_redis

KEPT_SECONDS = 86_400
INTERVAL_SECONDS = 0.5

Item = TypeVar("Item")


@dataclass(frozen=True)
class Progress:
    """`total` is 0 when nobody knows it. Times are seconds since the epoch."""

    done: int
    total: int
    message: str
    started: float
    updated: float

    @property
    def percent(self) -> int | None:
        return min(100, self.done * 100 // self.total) if self.total else None

    @property
    def seconds_left(self) -> int | None:
        """At the pace so far; None while there is nothing to judge by."""
        if not self.total or not self.done:
            return None
        pace = (self.updated - self.started) / self.done
        return max(0, round(pace * (self.total - self.done)))


def progress(done: int, total: int = 0, message: str = "") -> None:
    """Says how far the running job is; outside a job it does nothing."""
    job_id = current_job_id()
    if job_id is None:
        return
    now = time.time()
    key = key_of(job_id)
    with state_redis().pipeline(transaction=False) as pipe:
        pipe.hset(key, mapping={"done": done, "total": total, "message": message, "updated": now})
        pipe.hsetnx(key, "started", str(now))
        pipe.expire(key, KEPT_SECONDS)
        pipe.execute()


def track(items: Iterable[Item], total: int = 0, message: str = "") -> Iterator[Item]:
    """Yields the items and says how many are done, at most twice a second."""
    last, done = 0.0, 0
    progress(0, total, message)
    for done, item in enumerate(items, start=1):
        yield item
        if time.monotonic() - last >= INTERVAL_SECONDS:
            progress(done, total, message)
            last = time.monotonic()
    progress(done, total or done, message)


def read(job_id: str) -> Progress | None:
    """What a job said last, or None."""
    found = state_redis().hgetall(key_of(job_id))
    if not found:
        return None
    return Progress(
        done=int(found["done"]),
        total=int(found["total"]),
        message=str(found["message"]),
        started=float(found["started"]),
        updated=float(found["updated"]),
    )


def current_job_id() -> str | None:
    task = current_task
    return str(task.request.id) if task and task.request.id else None


def key_of(job_id: str) -> str:
    return f"switchyard:progress:{job_id}"
