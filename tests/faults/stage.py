"""Servers of the fault tests' own, which keep their data over a stop, and the processes that use them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
from django.conf import settings
from redis import Redis

from apps.jobs.stream.names import GROUP, STREAM
from project.servers.postgres import Postgres
from project.servers.rabbitmq import RabbitMQ
from project.servers.valkey import Valkey
from tests.chaos.jobs import TABLES
from tests.chaos.stage import QUICK, ROOT
from tests.faults.ledger import Ledger
from tests.together import at_once
from tests.waiting import OwnProcess, RecorderProcess, WorkerProcess, wait_until

PASSWORD = "faults"
KNOWN = "apps.jobs.tests.sample_tasks,tests.chaos.jobs,apps.jobs.tests.loss_tasks,apps.jobs.tests.dying_tasks"
COMMAND_SECONDS = 90
ANSWER_SECONDS = 60


class Web(OwnProcess):
    """A process that hands jobs in, as a web server does: `tests/faults/web.py`."""

    def __init__(self, environment: dict[str, str]) -> None:
        super().__init__([sys.executable, "-m", "tests.faults.web"], "web ready", environment)

    def start(self) -> None:
        self.box = self.log.with_suffix(f".{time.monotonic_ns()}")  # a new one: no order is left in it
        os.mkfifo(self.box)
        self.argv = [*self.argv[:3], str(self.box)]
        super().start()

    def ask(self, calls: Sequence[dict[str, Any]], **how: Any) -> dict[str, Any]:
        """`ids` of the jobs handed in and the longest `seconds` that one call took; or that it died."""
        answer = self.box.with_suffix(f".answer{time.monotonic_ns()}")
        with self.box.open("w") as line:
            line.write(json.dumps({"calls": list(calls), "answer": str(answer), **how}) + "\n")
        assert self.process is not None
        wait_until(lambda: answer.exists() or not self.lives, ANSWER_SECONDS, "the web process")
        return json.loads(answer.read_text()) if answer.exists() else {"died": self.process.wait()}

    @property
    def lives(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def submit(self, *calls: dict[str, Any], **how: Any) -> list[str]:
        """Ids of the new jobs; each call returned within a second."""
        said = self.ask(calls, **how)
        assert said["seconds"] < 1, said
        return list(said["ids"])


class Stage:
    """PostgreSQL, Redis and RabbitMQ, a worker on the default queue, a recorder and a web process."""

    def __init__(self, folder: Path) -> None:
        self.postgres = Postgres(folder / "postgres", PASSWORD)
        self.valkey = Valkey(folder / "valkey", PASSWORD)
        self.rabbitmq = RabbitMQ(folder / "rabbitmq")
        self.servers = (self.postgres, self.valkey, self.rabbitmq)
        self.folder = folder

    def open(self) -> None:
        at_once(*(server.start for server in self.servers))
        self.environment = QUICK | {
            "UNKNOWN_TASK_RETRY_SECONDS": "0",
            "VAR_ROOT": str(self.folder / "var"),
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "CELERY_BROKER_URL": self.rabbitmq.url,
            "CELERY_BROKER_MANAGEMENT_URL": self.rabbitmq.management_url,
        }
        self.manage("migrate")
        self.manage("topology")
        with psycopg.connect(self.postgres.url, autocommit=True) as connection:
            connection.execute(TABLES)
        self.ledger = Ledger(self.postgres.url, self.results_url)
        self.worker = self.new_worker()
        self.recorder = self.new_recorder()
        self.web = Web(self.environment)

    def manage(self, command: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", command, "--verbosity", "0"], cwd=ROOT, check=True,
            env=os.environ | self.environment, capture_output=True, timeout=COMMAND_SECONDS,
        )  # fmt: skip

    def new_worker(self, queue: str = "default", concurrency: int = 4) -> WorkerProcess:
        words = ("-I", KNOWN, "-Q", queue)
        return WorkerProcess(*words, concurrency=concurrency, environment=self.environment)

    def new_recorder(self) -> RecorderProcess:
        return RecorderProcess(environment=self.environment)

    @property
    def results_url(self) -> str:
        """The database of Redis that holds the results and the stream."""
        return self.valkey.url.rstrip("/") + urlsplit(str(settings.CELERY_RESULT_BACKEND)).path

    def ensure(self) -> None:
        """Everything runs, whatever an earlier test did to it."""
        for server in self.servers:
            server.thaw()
            server.start()
        gone = [one for one in self.processes if one.process is None or one.process.poll() is not None]
        for process in gone:
            process.log.write_text("")  # that it was ready once says nothing
        at_once(*(process.start for process in gone))

    @property
    def processes(self) -> tuple[OwnProcess, ...]:
        return (self.recorder, self.worker, self.web)

    def pending(self) -> int:
        """Entries of the stream that a recorder has taken and not finished."""
        with Redis.from_url(self.results_url) as redis:
            found: Any = redis.xpending(STREAM, GROUP)
            return int(found["pending"])

    def waiting(self) -> int:
        """Entries of the stream that are not in the ledger."""
        with Redis.from_url(self.results_url) as redis:
            return int(redis.xlen(STREAM))

    def close(self) -> None:
        for process in self.processes:
            end(process)
        for server in self.servers:
            server.kill()


def calls(word: str, count: int, **more: int) -> list[dict[str, object]]:
    """Named arguments of `effect_task`, each with a name and so an effect of its own."""
    return [{"name": f"{word}-{number}", **more} for number in range(count)]


@contextmanager
def running(*processes: OwnProcess) -> Iterator[None]:
    """Starts them, and kills them in the end."""
    try:
        for process in processes:
            process.start()
        yield
    finally:
        for process in processes:
            end(process)


@contextmanager
def frozen(process: OwnProcess) -> Iterator[None]:
    process.signal_all(signal.SIGSTOP)
    yield
    process.signal_all(signal.SIGCONT)


def end(process: OwnProcess) -> None:
    if process.process is not None and process.process.poll() is None:
        process.signal_all(signal.SIGCONT)
        process.kill()
