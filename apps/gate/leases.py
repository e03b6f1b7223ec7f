"""Places that jobs of this process hold under limits of concurrency: renewed while they run.

A thread does it, begun with the first such job. A process that is killed or frozen renews nothing, so its
places are free after their lease.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass

from apps.gate import permits
from apps.gate.permits import Permit
from apps.jobs.state import redis_error

logger = logging.getLogger(__name__)

PART = 3  # of a lease: how often it is renewed in its time


@dataclass
class Lease:
    """`due` is when it is renewed next, by the monotonic clock."""

    places: Sequence[Permit]
    due: float = 0.0

    def __post_init__(self) -> None:
        self.wait()

    def wait(self) -> None:
        self.due = time.monotonic() + min(permit.b for permit in self.places) / 1000 / PART


class Renewing(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="leases", daemon=True)
        self.pid = os.getpid()
        self.held: dict[str, Lease] = {}
        self.more = threading.Event()

    def run(self) -> None:
        while True:
            self.more.wait(self.seconds())
            self.more.clear()
            now = time.monotonic()
            for job_id, lease in list(self.held.items()):
                if lease.due <= now:
                    self.renew(job_id, lease)

    def seconds(self) -> float | None:
        """Until the next one is due; None while there is none."""
        due = min((lease.due for lease in list(self.held.values())), default=None)
        return None if due is None else max(0.0, due - time.monotonic())

    def renew(self, job_id: str, lease: Lease) -> None:
        lease.wait()
        try:
            permits.renew(job_id, lease.places)
            if job_id not in self.held:  # it ended meanwhile, and its places were given back
                permits.leave(job_id, lease.places)
        except redis_error() as error:
            logger.warning("the places of job %s can't be renewed: %s", job_id, error)


_renewing: list[Renewing] = []
_begin = threading.Lock()


def begin(job_id: str, places: Sequence[Permit]) -> None:
    renewing().held[job_id] = Lease(places)
    renewing().more.set()


def end(job_id: str) -> None:
    """Gives the places back. Raises redis's errors; they are then free after their lease."""
    if lease := renewing().held.pop(job_id, None):
        permits.leave(job_id, lease.places)


def renewing() -> Renewing:
    with _begin:
        if not _renewing or _renewing[0].pid != os.getpid():
            _renewing[:] = [Renewing()]
            _renewing[0].start()
    return _renewing[0]
