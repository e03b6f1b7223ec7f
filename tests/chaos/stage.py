"""The servers and processes of a chaos run, kept running by number."""

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import psutil

from project.servers.guarding import CHILDREN, guard
from project.servers.postgres import Postgres
from project.servers.rabbitmq import RabbitMQ
from project.servers.valkey import Valkey
from tests.chaos.plan import PREFETCH, RECORDERS, WORKERS
from tests.together import at_once

ROOT = Path(__file__).resolve().parents[2]
PASSWORD = "chaos"
STOP_SECONDS = 40

QUICK = {
    "RELAY_GRACE_SECONDS": "1",
    "WORKER_LOST_SECONDS": "6",
    "SWEEP_AFTER_SECONDS": "20",
    "CELERY_BROKER_HEARTBEAT": "4",
    "CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": "2",
    "REMAP_SIGTERM": "SIGQUIT",
    "CELERY_TASK_SEND_SENT_EVENT": "false",
    "CELERY_WORKER_SEND_TASK_EVENTS": "false",
    "PYTHONWARNINGS": "ignore",
}


class Role:
    """A process that is started again whenever it ends, until `retire`."""

    def __init__(self, name: str, argv: list[str], log: Path) -> None:
        self.name, self.argv, self.log = name, argv, log
        self.process: subprocess.Popen[bytes] | None = None
        self.retired = False
        self.starts = 0

    def ensure(self) -> None:
        if self.retired or (self.process is not None and self.process.poll() is None):
            return
        if self.name.startswith("submitter") and self.process is not None and self.process.returncode == 0:
            return  # it has handed in all of its share
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.argv, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
            )
        guard().watch(self.process.pid, signal.SIGKILL, 0, CHILDREN)
        self.starts += 1

    def signal(self, number: signal.Signals) -> None:
        """To the process and all it began."""
        for process in self.family():
            process.send_signal(number)

    def family(self) -> list[psutil.Process]:
        if self.process is None or self.process.poll() is not None:
            return []
        top = psutil.Process(self.process.pid)
        return [top, *top.children(recursive=True)]

    def retire(self) -> None:
        self.retired = True
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(STOP_SECONDS)
            except subprocess.TimeoutExpired:
                self.signal(signal.SIGKILL)
                self.process.wait()


class Stage:
    """Everything that can fail. The servers keep their data over a stop."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.postgres = Postgres(folder / "postgres", PASSWORD)
        self.valkey = Valkey(folder / "valkey", PASSWORD)
        self.rabbitmq = RabbitMQ(folder / "rabbitmq")
        self.roles: dict[str, Role] = {}
        self.over = threading.Event()

    def start_servers(self) -> None:
        at_once(self.postgres.start, self.valkey.start, self.rabbitmq.start)
        os.environ |= QUICK | {
            "SWITCHYARD_ENV_FILE": "",
            "VAR_ROOT": str(self.folder / "var"),
            "DATABASE_URL": self.postgres.url,
            "REDIS_URL": self.valkey.url,
            "CELERY_BROKER_URL": self.rabbitmq.url,
            "CELERY_BROKER_MANAGEMENT_URL": self.rabbitmq.management_url,
            "DJANGO_SETTINGS_MODULE": "project.settings",
        }

    def cast(self, seed: int, jobs: int, seconds: float) -> None:
        """Who plays. The queue of each worker is the same, so that they share all the work."""
        from django.conf import settings

        queue = settings.CELERY_TASK_DEFAULT_QUEUE
        for number in range(WORKERS):
            self.add(f"worker {number}", [
                sys.executable, "-m", "celery", "-A", "project", "--quiet", "worker", "-Q", queue,
                "-c", "2", "-n", f"chaos{number}@%h", "--without-gossip", "--without-mingle",
                "--prefetch-multiplier", PREFETCH[number % len(PREFETCH)], "-I", "tests.chaos.jobs",
            ])  # fmt: skip
        for number in range(RECORDERS):
            self.add(f"recorder {number}", [sys.executable, "manage.py", "recorder"])
        plain = jobs // 5
        shares = {"submit": (0, jobs - plain), "delay": (jobs - plain, plain)}
        for number, (style, (first, share)) in enumerate(shares.items()):
            words = [style, str(seed), str(first), str(share), str(int(seconds * 0.8))]
            self.add(f"submitter {number}", [sys.executable, "-m", "tests.chaos.submitter", *words])

    def add(self, name: str, argv: list[str]) -> None:
        self.roles[name] = Role(name, argv, self.folder / f"{name.replace(' ', '-')}.log")

    def keep_running(self) -> None:
        """In a thread of its own."""
        while not self.over.wait(0.3):
            for role in self.roles.values():
                role.ensure()

    def handed_in(self) -> bool:
        """Whether both submitters have done their share."""
        found = [role for name, role in self.roles.items() if name.startswith("submitter")]
        return all(role.process is not None and role.process.poll() == 0 for role in found)

    def close(self) -> None:
        self.over.set()
        threads = [threading.Thread(target=role.retire) for role in self.roles.values()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for server in (self.rabbitmq, self.valkey, self.postgres):
            server.kill()
