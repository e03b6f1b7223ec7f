"""A web server and a worker that know the own app, on the test database."""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from project.servers.ports import free_port
from tests.waiting import RecorderProcess, WorkerProcess, of_test_database, wait_until

SETTINGS = {"DJANGO_SETTINGS_MODULE": "tests.ownapp.settings"}


def own_worker(broker_url: str) -> WorkerProcess:
    return WorkerProcess(environment=SETTINGS | {"CELERY_BROKER_URL": broker_url})


def own_recorder(broker_url: str) -> RecorderProcess:
    return RecorderProcess(environment=SETTINGS | {"CELERY_BROKER_URL": broker_url})


class OwnSite:
    """gunicorn with the own app installed."""

    def __init__(self, broker_url: str) -> None:
        port = free_port(None)
        self.url = f"http://127.0.0.1:{port}"
        self.argv = [
            sys.executable, "-m", "gunicorn", "project.wsgi", "--bind", f"127.0.0.1:{port}",
            "--workers", "1", "--threads", "4", "--no-control-socket",
        ]  # fmt: skip
        self.environment = os.environ | of_test_database() | SETTINGS | {"CELERY_BROKER_URL": broker_url}
        self.log = Path(tempfile.mkstemp(suffix=".log")[1])
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.argv, env=self.environment, stdin=subprocess.DEVNULL, stdout=out, stderr=out
            )
        wait_until(self.answers, what="the site to answer")

    def answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text(errors="replace")[-3000:]
        try:
            with urlopen(f"{self.url}/health/live", timeout=5) as answer:
                return bool(answer.status == 200)
        except (URLError, ConnectionError, TimeoutError):
            return False

    def stop(self) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.terminate()
            self.process.wait(20)
