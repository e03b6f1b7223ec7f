"""Waiting for things that happen in other processes."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

from django.conf import settings
from django.db import connection

from apps.jobs import reading
from project.servers.guarding import CHILDREN, guard

DEADLINE_SECONDS = 120.0
POLL_SECONDS = 0.05

Found = TypeVar("Found")


def wait_until(look: Callable[[], Found], seconds: float = DEADLINE_SECONDS, what: str = "") -> Found:
    """Calls `look` until it returns something true, and returns that. Raises AssertionError."""
    deadline = time.monotonic() + seconds
    for _ in ticks():
        found = look()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {seconds} s for {what or look}, got {found!r}")
    raise AssertionError


def ticks() -> Iterator[None]:
    while True:
        yield
        time.sleep(POLL_SECONDS)


def ended(job_id: str, seconds: float = DEADLINE_SECONDS) -> reading.JobView:
    """The job once it has ended."""

    def look() -> reading.JobView | None:
        view = reading.find(job_id)
        return view if view and view.ended else None

    return wait_until(look, seconds, f"job {job_id} to end")  # type: ignore[return-value]


class OwnProcess:
    """A process of ours on the test database, in a group of its own; it is ready once it says so."""

    def __init__(self, argv: list[str], ready: str, environment: dict[str, str] | None = None) -> None:
        self.argv, self.ready = argv, ready
        self.environment = os.environ | of_test_database() | (environment or {})
        self.log = Path(tempfile.mkstemp(suffix=".log")[1])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        guard().watch(self.pid, signal.SIGKILL, 0, CHILDREN)
        wait_until(lambda: self.ready in self.output_while_alive(), what=f"{self.argv} to be ready")

    def output_while_alive(self) -> str:
        self.ensure_alive()
        return self.output()

    def ensure_alive(self) -> None:
        if self.process is None or self.process.poll() is not None:
            raise AssertionError(f"the process died:\n{self.output()[-3000:]}")

    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def kill(self) -> None:
        """kill -9 of the process and those it began."""
        self.signal_all(signal.SIGKILL)

    def stop(self, seconds: float = 20) -> None:
        if self.process is None or self.process.poll() is not None:
            return
        self.process.terminate()
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.kill()
        guard().release(self.pid)

    def signal_all(self, number: signal.Signals) -> None:
        os.killpg(self.pid, number)
        assert self.process is not None
        if number == signal.SIGKILL:
            self.process.wait()


class WorkerProcess(OwnProcess):
    """A `celery worker` that knows the sample tasks. Extra arguments go to its command line."""

    def __init__(
        self, *arguments: str, concurrency: int = 2, environment: dict[str, str] | None = None
    ) -> None:
        queues = ",".join(queue.name for queue in settings.CELERY_TASK_QUEUES)
        argv = [
            sys.executable, "-m", "celery", "-A", "project", "worker", "-Q", queues,
            "-c", str(concurrency), "-n", f"test{id(self)}@%h", "--without-gossip", "--without-mingle",
            "-I", "apps.jobs.tests.sample_tasks",
            *arguments,
        ]  # fmt: skip
        super().__init__(argv, " ready.", environment)


class RecorderProcess(OwnProcess):
    """A `manage.py recorder`, quick about everything it waits for."""

    def __init__(self, *arguments: str, environment: dict[str, str] | None = None) -> None:
        quick = {"RELAY_GRACE_SECONDS": "1", "RECORDER_PAUSE_MILLISECONDS": "20"}
        argv = [sys.executable, "manage.py", "recorder", *arguments]
        super().__init__(argv, "recorder ready", quick | (environment or {}))


def of_test_database() -> dict[str, str]:
    """The environment of a process that shall see what the tests see."""
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    return {"DATABASE_URL": f"{base}/{connection.settings_dict['NAME']}"}
