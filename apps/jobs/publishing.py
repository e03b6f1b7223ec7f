"""Publishing what was submitted, after its transaction has committed, without making the caller wait.

Each process has one thread for it, begun with the first job and again after a fork. Whatever it can't
publish stays in the outbox, from where the recorder publishes it.
"""

import atexit
import logging
import os
import threading
import time
from collections.abc import Iterable, Sequence
from queue import Empty, SimpleQueue

from django.db import DatabaseError, connection
from django.utils import timezone

from apps.jobs.confirming import Window
from apps.jobs.models import Job
from apps.jobs.noting import note_published
from apps.jobs.wire import is_for_now, message

logger = logging.getLogger(__name__)

WINDOW = 500
IDLE_SECONDS = 30.0
BREAK_SECONDS = 2.0  # after a failure: until then jobs are left to the recorder
EXIT_SECONDS = 5.0
OUTBOX_CHANNEL = "switchyard_outbox"


class Publisher(threading.Thread):
    """Takes jobs from `waiting` and publishes them in windows. Ends after a while without any."""

    def __init__(self) -> None:
        super().__init__(name="publisher", daemon=True)
        self.pid = os.getpid()
        self.waiting: SimpleQueue[Job] = SimpleQueue()
        self.busy = threading.Event()
        self.broken_until = 0.0
        self.window: Window | None = None

    def run(self) -> None:
        while True:
            jobs = self.next_window()
            self.busy.set()
            try:
                self.publish_or_leave(jobs)
            except Exception:  # the thread must live: the recorder has what it can't publish
                logger.exception("%d jobs are left to the recorder", len(jobs))
                self.give_up()
            self.busy.clear()

    def publish_or_leave(self, jobs: Sequence[Job]) -> None:
        if time.monotonic() >= self.broken_until:
            self.publish(jobs)
        else:
            leave_to_the_relay()

    def next_window(self) -> list[Job]:
        """The next jobs; while there are none for long, without a connection."""
        try:
            jobs = [self.waiting.get(timeout=IDLE_SECONDS)]
        except Empty:
            self.disconnect()
            jobs = [self.waiting.get()]
        while len(jobs) < WINDOW and not self.waiting.empty():
            jobs.append(self.waiting.get())
        return jobs

    def publish(self, jobs: Sequence[Job]) -> None:
        window = self.window = self.window or Window()
        try:
            answers = window.publish([message(job) for job in jobs])
        except window.errors as error:
            logger.warning("%d jobs are left to the recorder: no broker: %s", len(jobs), error)
            self.give_up()
            return
        if len(answers) < len(jobs):
            logger.warning("%d jobs were not confirmed in time", len(jobs) - len(answers))
            self.give_up()
        published = [job for job in jobs if job.id in answers and answers[job.id] is None]
        for job_id, refusal in answers.items():
            if refusal:
                logger.error("job %s was not published: %s", job_id, refusal)
        if not note_published(job.id for job in published):
            mark_published([job.id for job in published])
            connection.close()

    def give_up(self) -> None:
        self.disconnect()
        self.broken_until = time.monotonic() + BREAK_SECONDS

    def disconnect(self) -> None:
        if self.window is not None:
            self.window.close()
            self.window = None

    @property
    def idle(self) -> bool:
        return self.waiting.empty() and not self.busy.is_set()


_publisher: list[Publisher] = []
_begin = threading.Lock()


def publish_soon(jobs: Iterable[Job]) -> None:
    """Hands jobs, committed with their outbox, to this process's publisher."""
    for job in jobs:
        if is_for_now(job):
            publisher().waiting.put(job)


def publisher() -> Publisher:
    with _begin:
        if not _publisher or _publisher[0].pid != os.getpid() or not _publisher[0].is_alive():
            _publisher[:] = [Publisher()]
            _publisher[0].start()
    return _publisher[0]


def flush(seconds: float = EXIT_SECONDS) -> bool:
    """Waits until everything handed over was tried; False when that takes longer."""
    if not _publisher or _publisher[0].pid != os.getpid():
        return True
    deadline = time.monotonic() + seconds
    while not _publisher[0].idle and _publisher[0].is_alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def mark_published(ids: Sequence[str]) -> int:
    """Takes jobs out of the outbox."""
    try:
        found = Job.objects.filter(id__in=ids, outbox__isnull=False)
        return found.update(outbox=None, published_at=timezone.now())
    except DatabaseError as error:
        logger.warning("%d published jobs can't be marked: %s", len(ids), error)
        return 0


def leave_to_the_relay() -> None:
    """Wakes a recorder: perhaps it reaches the broker that this process doesn't."""
    try:
        with connection.cursor() as cursor:
            cursor.execute(f"NOTIFY {OUTBOX_CHANNEL}")
    except DatabaseError as error:
        logger.warning("no recorder can be woken: %s", error)
    finally:
        connection.close()


def _renew_lock() -> None:
    """A lock that another thread held at the fork would stay locked in the child."""
    global _begin  # noqa: PLW0603
    _begin = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)
atexit.register(flush)
