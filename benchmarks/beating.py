"""A beat process under watch: when its messages come, what it costs."""

import os
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import psutil
from kombu import Connection, Queue

from tests.waiting import OwnProcess

MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Seen:
    """A message as it arrived, in seconds since 1970; `due` is None where the message doesn't say."""

    schedule: str
    at: float
    due: float | None


class Messages(threading.Thread):
    """Takes every message off a queue and remembers when it came."""

    def __init__(self, queue: str) -> None:
        super().__init__(daemon=True)
        self.queue = Queue(queue, no_declare=True)
        self.seen: list[Seen] = []
        self.over = threading.Event()

    def stop(self) -> None:
        self.over.set()
        self.join()

    def run(self) -> None:
        with (
            Connection(os.environ["CELERY_BROKER_URL"]) as broker,
            broker.Consumer(self.queue, on_message=self.note, no_ack=True),
        ):
            while not self.over.is_set():
                with suppress(TimeoutError):
                    broker.drain_events(timeout=0.5)

    def note(self, message: Any) -> None:
        now, headers = time.time(), message.headers
        due = headers.get("scheduled_for")
        self.seen.append(
            Seen(headers["periodic_task_name"], now, datetime.fromisoformat(due).timestamp() if due else None)
        )

    def of(self, kind: str, since: float) -> list[Seen]:
        """Those of the schedules whose names begin so, in the order in which they came."""
        return [one for one in self.seen if one.at >= since and one.schedule.startswith(kind)]

    def first(self, kind: str, since: float, bound: float) -> float | None:
        """When the first of them came; None if none did within so many seconds."""
        found = self.wait(kind, since, bound)
        return found[0].at if found else None

    def wait(self, kind: str, since: float, bound: float, count: int = 1) -> list[Seen]:
        """At least so many of them, or what there is after so many seconds."""
        deadline = time.time() + bound
        while len(found := self.of(kind, since)) < count and time.time() < deadline:
            time.sleep(0.01)
        return found


class Beat(OwnProcess):
    """`celery -A <app> beat`; `began` is when the process was started."""

    def __init__(self, app: str, database: str, *arguments: str) -> None:
        argv = [sys.executable, "-m", "celery", "-A", app, "beat", "-l", "WARNING", "--pidfile=", *arguments]
        environment = {"DATABASE_URL": database, "CELERY_TASK_STRICT": "false", "PYTHONUNBUFFERED": "1"}
        super().__init__(argv, "is starting", environment)
        self.began = 0.0

    def start(self) -> None:
        self.began = time.time()
        super().start()

    def cpu_seconds(self) -> float:
        times = psutil.Process(self.pid).cpu_times()
        return float(times.user + times.system)

    def megabytes(self) -> dict[str, int]:
        memory = psutil.Process(self.pid).memory_full_info()
        return {
            "rss": round(memory.rss / MEGABYTE),
            "pss": round(memory.pss / MEGABYTE),
            "peak": peak_kilobytes(self.pid) // 1024,
        }


def peak_kilobytes(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
