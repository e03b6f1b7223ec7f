"""How far a running job is. Kept in Redis, so that it shows before the job's transaction ends."""

import time
from collections.abc import Iterable, Iterator, Sized
from dataclasses import dataclass
from typing import Any, TypeVar

from apps.jobs.errors import Cancelled
from apps.jobs.exchange import exchange, progress_key
from apps.jobs.joblog import fitting, job_here
from apps.jobs.state import state_redis

__all__ = ["Progress", "check_cancelled", "progress", "progress_key", "read", "track"]

Item = TypeVar("Item")

MESSAGE_MOST = 500
NUMBER_MOST = 2**53


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


def progress(done: float, total: float = 0, message: str = "") -> None:
    """Says how far the running job is; outside a job it does nothing.

    Call it as often as you like: four times a second the latest is written, and the last one always. Of
    numbers the whole part is kept, of the message one line of at most 500 characters. Raises Cancelled in
    a job that was asked to end.
    """
    job_id = current_job_id()
    if job_id is None:
        return
    exchange().unsent[job_id] = {
        "done": whole(done),
        "total": whole(total),
        "message": fitting(str(message or "")[:MESSAGE_MOST]),
        "updated": time.time(),
    }
    check_cancelled()


def check_cancelled() -> None:
    """Raises Cancelled in a job that was asked to end, within half a second. Costs next to nothing."""
    job_id = current_job_id()
    if job_id is not None and (note := exchange().follow(job_id)):
        raise Cancelled(note)


def track(items: Iterable[Item], total: int = 0, message: str = "") -> Iterator[Item]:
    """Yields the items and says how many are done. `total` is theirs if they know it themselves."""
    total = total or (len(items) if isinstance(items, Sized) else 0)
    done = 0
    progress(0, total, message)
    for done, item in enumerate(items, start=1):
        yield item
        progress(done, total, message)
    progress(done, total or done, message)


def read(job_id: str) -> Progress | None:
    """What a job said last, or None."""
    found = state_redis().hgetall(progress_key(job_id))
    if not found:
        return None
    return Progress(
        done=whole(found.get("done")),
        total=whole(found.get("total")),
        message=str(found.get("message") or ""),
        started=float(found.get("started") or 0),
        updated=float(found.get("updated") or 0),
    )


def current_job_id() -> str | None:
    """The job of this thread; in a thread of the job's own making, the one job of the process."""
    request = job_here()
    return str(request.id) if request and request.id else None


def whole(value: Any) -> int:
    """What is no number, or none that is bounded, is 0: a job doesn't fail because of what it says."""
    try:
        return max(0, min(int(float(value)), NUMBER_MOST))
    except (TypeError, ValueError, OverflowError):
        return 0
