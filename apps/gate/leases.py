"""Places that jobs of this process hold under limits of concurrency: renewed while they run.

A thread does it, begun with the first such job. A process that is killed or frozen renews nothing, so its
places are free after their lease.
"""

import logging
import os
import threading
import time
from collections.abc import Sequence

from apps.gate import permits
from apps.gate.permits import Permit
from apps.jobs.state import redis_error

logger = logging.getLogger(__name__)

PART = 3  # of a lease: how often it is renewed in its time


class Renewing(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="leases", daemon=True)
        self.pid = os.getpid()
        self.held: dict[str, Sequence[Permit]] = {}
        self.more = threading.Event()

    def run(self) -> None:
        while True:
            self.more.wait()
            time.sleep(min((shortest(places) for places in list(self.held.values())), default=1.0) / PART)
            for job_id, places in list(self.held.items()):
                self.renew(job_id, places)
            if not self.held:
                self.more.clear()

    def renew(self, job_id: str, places: Sequence[Permit]) -> None:
        try:
            if job_id in self.held:
                permits.renew(job_id, places)
        except redis_error() as error:
            logger.warning("the places of job %s can't be renewed: %s", job_id, error)


_renewing: list[Renewing] = []


def begin(job_id: str, asked: Sequence[Permit]) -> None:
    if places := permits.places(asked):
        renewing().held[job_id] = places
        renewing().more.set()


def end(job_id: str) -> None:
    """Gives the places back. Raises redis's errors; they are then free after their lease."""
    if places := forget(job_id):
        permits.leave(job_id, places)


def forget(job_id: str) -> Sequence[Permit]:
    return renewing().held.pop(job_id, ()) if _renewing else ()


def renewing() -> Renewing:
    if not _renewing or _renewing[0].pid != os.getpid():
        _renewing[:] = [Renewing()]
        _renewing[0].start()
    return _renewing[0]


def shortest(places: Sequence[Permit]) -> float:
    """The seconds of the shortest lease."""
    return min(permit.b for permit in places) / 1000
