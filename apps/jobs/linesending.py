"""Sends the lines that jobs log to Redis, from a thread of the process, so that no job waits for it.

While Redis is away the lines wait, the oldest of very many go.
"""

import logging
import os
import threading
import time
from collections import deque

from apps.jobs.state import redis_error, state_redis

logger = logging.getLogger(__name__)

LINES_MOST = 500
KEPT_SECONDS = 7 * 86_400
PAUSE_SECONDS = 0.5
BATCH = 50
WAITING_MOST = 2_000
OUTAGE_SECONDS = 2.0
EXIT_SECONDS = 1.0


def key_of(job_id: str) -> str:
    return f"switchyard:log:{job_id}"


def send_soon(job_id: str, line: str | None) -> None:
    """Within PAUSE_SECONDS; at once after BATCH lines, or when the `line` is None: the job has ended."""
    sender = current()
    if line is not None:
        sender.lines.append((job_id, line))
    if line is None or len(sender.lines) >= BATCH:
        sender.due.set()
    sender.arrived.set()


def flush(seconds: float = EXIT_SECONDS) -> bool:
    """Waits until everything was sent; False when that takes longer."""
    if not _senders or _senders[0].pid != os.getpid():
        return True
    deadline = time.monotonic() + seconds
    while not _senders[0].idle and time.monotonic() < deadline:
        _senders[0].due.set()
        time.sleep(0.005)
    return _senders[0].idle


class Sender(threading.Thread):
    def __init__(self) -> None:
        super().__init__(name="job-log", daemon=True)
        self.pid = os.getpid()
        self.lines: deque[tuple[str, str]] = deque(maxlen=WAITING_MOST)
        self.arrived, self.due = threading.Event(), threading.Event()
        self.sending: list[tuple[str, str]] = []
        self.busy = self.is_away = False

    @property
    def idle(self) -> bool:
        return not self.lines and not self.busy

    def run(self) -> None:
        while True:
            self.arrived.wait()
            self.due.wait(PAUSE_SECONDS)
            self.due.clear()
            self.arrived.clear()
            self.busy = True
            while self.lines:
                self.sending.append(self.lines.popleft())
            while self.sending and not self.sent():
                time.sleep(OUTAGE_SECONDS)
            self.busy = False

    def sent(self) -> bool:
        try:
            self.send()
        except redis_error() as error:
            if not self.is_away:
                logger.warning("lines of jobs wait for Redis: %s", error)
            self.is_away = True
            return False
        self.sending, self.is_away = [], False
        return True

    def send(self) -> None:
        by_job: dict[str, list[str]] = {}
        for job_id, line in self.sending:
            by_job.setdefault(key_of(job_id), []).append(line)
        with state_redis().pipeline(transaction=False) as pipe:
            for key, lines in by_job.items():
                pipe.rpush(key, *lines[-LINES_MOST:])
                pipe.ltrim(key, -LINES_MOST, -1)
                pipe.expire(key, KEPT_SECONDS)
            pipe.execute()


_senders: list[Sender] = []
_begin = threading.Lock()


def current() -> Sender:
    """This process's sender, begun with the first line and again after a fork."""
    if _senders and _senders[0].pid == os.getpid() and _senders[0].is_alive():
        return _senders[0]
    with _begin:
        if not _senders or _senders[0].pid != os.getpid() or not _senders[0].is_alive():
            _senders[:] = [Sender()]
            _senders[0].start()
        return _senders[0]


def _renew_lock() -> None:
    """A lock that another thread held at the fork would stay locked in the child."""
    global _begin  # noqa: PLW0603
    _begin = threading.Lock()


os.register_at_fork(after_in_child=_renew_lock)
