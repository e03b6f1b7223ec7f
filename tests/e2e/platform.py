"""`manage.py up` as a user would run it, in a folder and on ports of its own."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil

from project.environment import BASE_DIR
from project.servers.ports import free_port
from tests.waiting import wait_until

START_SECONDS = 240
STOP_SECONDS = 45
OURS = ("CELERY_", "FLOWER_", "SWITCHYARD_", "DATABASE_", "REDIS_", "CACHE_", "VAR_ROOT", "TEST_")


class Platform:
    """`variables` are all that it is told; nothing of the test run's own servers leaks in."""

    def __init__(self, folder: Path, **variables: str) -> None:
        clean = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
        self.environment = clean | {"SWITCHYARD_ENV_FILE": "", "VAR_ROOT": str(folder)} | variables
        self.log = folder / "up.log"
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, *, demo: bool = True) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        ports = ["--port", str(free_port(None)), "--flower-port", str(free_port(None))]
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "up", *ports, *(["--demo"] if demo else [])],
                cwd=BASE_DIR, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out,
                start_new_session=True,
            )  # fmt: skip
        wait_until(lambda: self.url or self.ended(), START_SECONDS, "the platform to be ready")
        assert self.url, self.said()

    def ended(self) -> bool:
        return self.process is None or self.process.poll() is not None

    def said(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""

    @property
    def url(self) -> str:
        return found(r"^ready: (\S+)$", self.said())

    @property
    def flower_url(self) -> str:
        return found(r"^flower: (\S+)$", self.said())

    def password(self, of: str) -> str:
        """Of "the admin" or "Flower", as printed at the first start."""
        return found(rf"^Sign in to {of} as admin with the password (\S+)$", self.said())

    def manage(self, *arguments: str) -> str:
        return self.python("manage.py", *arguments)

    def celery(self, *arguments: str) -> str:
        return self.python("-m", "celery", "-A", "project", *arguments)

    def python(self, *arguments: str) -> str:
        done = self.terminal(*arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def terminal(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """Python in another terminal, whether it succeeds or not."""
        return subprocess.run(
            [sys.executable, *arguments], cwd=BASE_DIR, env=self.environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip

    def schedules(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = json.loads(self.manage("schedule", "list", "--json"))
        return rows

    def family(self) -> list[psutil.Process]:
        """Everything that runs under `up` now, itself included."""
        assert self.process is not None
        try:
            leader = psutil.Process(self.process.pid)
            return [leader, *leader.children(recursive=True)]
        except psutil.NoSuchProcess:
            return []

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Ctrl-C; the exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """kill -9 of `up` alone: what ran under it has to end by itself."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    return match.group(1) if match else ""
