"""Sweeping: keeps the rows of workers, and mends jobs whose truth is not what the ledger says."""

import logging
import threading
import time

from django.db import InterfaceError, OperationalError, connection

from apps.jobs.backlog import lag_seconds
from apps.jobs.beats import beat_seconds
from apps.jobs.leading import Leader
from apps.jobs.state import redis_error, state_redis
from apps.jobs.workers import MENDED, SWEPT
from apps.recorder.mending import Mending
from apps.recorder.watching import Watch

logger = logging.getLogger(__name__)

LOCK = 0x5377_6565_7000_0001  # any number that nothing else locks
LAG_SECONDS = 5.0
LOST_DATABASE = (OperationalError, InterfaceError)


class Sweeping:
    """Looks every few seconds until `stop` is set. Of several recorders one sweeps, the others listen."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.watch = Watch()
        self.mending = Mending(self.watch)
        self.mended = 0
        self.leader = Leader(LOCK)

    def run(self) -> None:
        while not self.stop.is_set():
            self.sweep()
            self.stop.wait(beat_seconds())

    def sweep(self) -> None:
        doubts = self.mending.doubts
        try:
            self.watch.look()
            if not self.leader.leads():
                doubts.clear()
                return
            self.mending.counts["workers_lost"] += len(self.watch.keep())
            if lag_seconds() < LAG_SECONDS:
                self.mending.mend()
            else:
                doubts.clear()  # the ledger will say by itself what it doesn't know yet
            self.count()
        except redis_error() as error:
            logger.warning("nothing can be swept without Redis: %s", error)
            doubts.clear()
        except LOST_DATABASE as error:
            logger.warning("nothing can be swept without the ledger: %s", error)
            doubts.clear()
            connection.close()

    def count(self) -> None:
        """One line for all that was mended; Redis keeps the sums, and when this was."""
        counts = {name: number for name, number in self.mending.counts.items() if number}
        with state_redis().pipeline(transaction=False) as pipe:
            for name, number in counts.items():
                pipe.hincrby(MENDED, name, number)
            pipe.set(SWEPT, time.time())
            pipe.execute()
        self.mending.counts.clear()
        if counts:
            self.mended += sum(counts.values())
            logger.warning("mended: %s", ", ".join(f"{name} {number}" for name, number in counts.items()))
