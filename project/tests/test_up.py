"""`manage.py up` on the real platform, with its own servers in an empty folder."""

import os
import signal
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.environment import BASE_DIR
from project.servers import processes
from project.servers.ports import free_port
from project.servers.running import Running
from tests.waiting import wait_until

START_SECONDS = 240
NOT_EMBEDDED = ("DATABASE_", "REDIS_", "CACHE_", "CELERY_", "FLOWER_", "VAR_")

pytestmark = pytest.mark.slow


class Platform:
    """One `manage.py up` and what it needs to be called again."""

    def __init__(self, folder: Path) -> None:
        self.var, self.log = folder / "var", folder / "log"
        kept = {name: value for name, value in os.environ.items() if not name.startswith(NOT_EMBEDDED)}
        self.env = {
            **kept,
            "VAR_ROOT": str(self.var),
            "SWITCHYARD_ENV_FILE": "",
            "CELERY_WORKER_CONCURRENCY": "1",
        }
        self.popen: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        ports = ["--port", str(free_port(None)), "--flower-port", str(free_port(None))]
        with self.log.open("wb") as log:
            self.popen = subprocess.Popen(
                [sys.executable, "manage.py", "up", *ports, *options],
                cwd=BASE_DIR, env=self.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True,
            )  # fmt: skip
        wait_until(self.is_ready, START_SECONDS, "`ready:`")

    @property
    def said(self) -> str:
        return self.log.read_text()

    def is_ready(self) -> bool:
        assert self.popen is not None
        assert self.popen.poll() is None, self.said
        return "\nready: http://127.0.0.1:" in self.said

    def url(self, name: str) -> str:
        return Running.read(self.var).urls()[name]

    def run(self, *argv: str) -> str:
        """Another terminal."""
        done = subprocess.run(
            [sys.executable, *argv], cwd=BASE_DIR, env=self.env, text=True, check=False,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        )  # fmt: skip
        return done.stdout

    def stop(self, number: signal.Signals) -> int:
        assert self.popen is not None
        self.popen.send_signal(number)
        return self.popen.wait(120)


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    platform = Platform(tmp_path_factory.mktemp("up"))
    try:
        platform.start()
        yield platform
    finally:
        if platform.popen is not None:
            family = processes.family(platform.popen.pid)
            platform.popen.kill()
            platform.popen.wait()
            assert processes.wait_gone(family, 120)


def test_the_site_answers(platform: Platform) -> None:
    with urllib.request.urlopen(f"{platform.url('web')}/health/live", timeout=60) as answer:
        assert answer.status == 200


def test_flower_asks_for_its_password(platform: Platform) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(platform.url("flower"), timeout=60)


def test_the_password_of_the_administrator_is_told_once(platform: Platform) -> None:
    assert platform.said.count("Sign in to the admin as admin with the password") == 1


def test_another_terminal_finds_the_workers(platform: Platform) -> None:
    def found() -> bool:
        said = platform.run("-m", "celery", "-A", "project", "status", "--timeout", "5")
        return "worker@" in said and "urgent@" in said

    wait_until(found, what="both workers to answer")


def test_another_terminal_can_not_start_it_twice(platform: Platform) -> None:
    said = platform.run("manage.py", "up")
    assert f"already running (pid {platform.popen.pid if platform.popen else 0})" in said
    assert platform.url("web") in said


def test_ctrl_c_leaves_no_process_and_it_starts_again(platform: Platform) -> None:
    assert platform.popen is not None
    family = processes.family(platform.popen.pid)
    assert len(family) > 10
    assert platform.stop(signal.SIGINT) == 0, platform.said
    assert processes.wait_gone(family, 30)
    platform.start()
    assert "with the password" not in platform.said
