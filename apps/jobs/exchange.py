"""What jobs say of their progress goes to Redis, and wishes that they end come from there.

A thread of the process does both, and only for jobs that say or ask something, so that no job waits for
Redis, however often it speaks. While Redis is away the latest word waits.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from typing import Any

from celery.signals import task_postrun

from apps.jobs.state import redis_error, state_redis
from apps.jobs.stream.names import tries_key
from apps.jobs.stream.reaching import stream_redis

logger = logging.getLogger(__name__)

INTERVAL_SECONDS = 0.25
OUTAGE_SECONDS = 2.0
KEPT_SECONDS = 86_400


def progress_key(job_id: str) -> str:
    return f"switchyard:progress:{job_id}"


class Exchange(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="progress", daemon=True)
        self.unsent: dict[str, dict[str, Any]] = {}
        self.asked: dict[str, str] = {}  # of each job that is followed, who wants it to end and why; or ""
        self.more, self.sending = threading.Event(), threading.Lock()

    def follow(self, job_id: str) -> str:
        if job_id not in self.asked:
            self.asked[job_id] = ""
            self.more.set()
        return self.asked[job_id]

    def run(self) -> None:
        while True:
            self.more.wait()
            if not self.turn():
                time.sleep(OUTAGE_SECONDS)
            self.more.clear()
            if self.asked:
                time.sleep(INTERVAL_SECONDS)
                self.more.set()

    def turn(self) -> bool:
        """Tells and asks; neither keeps the other from it. False if one must be tried again later."""
        fine = True
        works: tuple[Callable[[], None], ...] = (lambda: self.send(list(self.unsent)), self.look)
        for work in works:
            try:
                work()
            except redis_error() as error:
                logger.debug("progress waits for Redis: %s", error)
                fine = False
            except Exception:
                logger.exception("progress can't be exchanged")
                fine = False
        return fine

    def send(self, job_ids: list[str]) -> None:
        with self.sending:
            taken = {job_id: said for job_id in job_ids if (said := self.unsent.pop(job_id, None))}
            if not taken:
                return
            try:
                write(taken)
            except redis_error():
                for job_id, said in taken.items():
                    self.unsent.setdefault(job_id, said)
                raise

    def look(self) -> None:
        for job_id in list(self.asked):
            note: Any = stream_redis().hget(tries_key(job_id), "c")
            with self.sending:
                if note and job_id in self.asked:
                    self.asked[job_id] = note.decode()

    def leave(self, job_id: str) -> None:
        """The job has ended: its last word is sent at once."""
        with self.sending:
            if self.asked.pop(job_id, None) is None:
                return
        try:
            self.send([job_id])
        except Exception as error:  # noqa: BLE001 - the job has ended well or badly by itself
            self.unsent.pop(job_id, None)
            logger.warning("the last progress of job %s can't be written: %s", job_id, error)


def write(said: dict[str, Any]) -> None:
    with state_redis().pipeline(transaction=False) as pipe:
        for job_id, words in said.items():
            pipe.hsetnx(progress_key(job_id), "started", str(words["updated"]))
            pipe.hset(progress_key(job_id), mapping=words)
            pipe.expire(progress_key(job_id), KEPT_SECONDS)
        pipe.execute()


_exchanges: dict[int, Exchange] = {}
_one_by_one = threading.Lock()


def exchange() -> Exchange:
    """This process's, begun with the first word, again after a fork, and should its thread have died."""
    found = _exchanges.get(os.getpid())
    return found if found is not None and found.is_alive() else begun()


def begun() -> Exchange:
    with _one_by_one:
        found = _exchanges.get(os.getpid())
        if found is None or not found.is_alive():
            made = Exchange()
            if found is not None:
                made.unsent, made.asked = found.unsent, found.asked
                made.more.set()
            made.start()
            _exchanges[os.getpid()] = found = made
        return found


@task_postrun.connect(dispatch_uid="jobs.exchange")
def leave(task_id: str = "", **_: Any) -> None:
    if found := _exchanges.get(os.getpid()):
        found.leave(task_id)
