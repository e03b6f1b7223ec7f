"""Celery's own integration tests for canvas, from its released source, with our app, backend and Task class.

Each of four parts has a worker, a RabbitMQ vhost and a Valkey of its own, and all run side by side: these
tests wait more than they work. The one thing set for them is that nothing is retried unless its code says so.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest

from project.servers.valkey import Valkey
from tests.servers import servers
from tests.vhosts import Vhost
from tests.waiting import of_test_database

ROOT = Path(__file__).resolve().parents[2]
PARTS, SECONDS = 4, 400
WRONG = {"failure", "error", "skipped"}

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]


def celery_source() -> Path:
    """Fetched when it isn't there yet; where it can't be, the test fails and says so."""
    found = subprocess.run(
        [sys.executable, str(ROOT / "scripts" / "celery_source.py")],
        capture_output=True, text=True, timeout=400, check=False,
    )  # fmt: skip
    assert found.returncode == 0, found.stderr
    return Path(found.stdout.strip())


def test_celerys_own_tests_for_canvas_pass(tmp_path: Path) -> None:
    source, here = celery_source(), of_test_database()
    servers.start_broker()
    with ThreadPoolExecutor(PARTS) as pool:
        parts = list(pool.map(lambda part: Part(part, source, tmp_path).run(here), range(PARTS)))
    outcomes = {name: outcome for part in parts for name, outcome in part.items()}
    assert len(outcomes) > 200
    assert {name: outcome for name, outcome in outcomes.items() if outcome != "passed"} == {}


class Part:
    """Each fourth of the tests, in a process of its own."""

    def __init__(self, number: int, source: Path, folder: Path) -> None:
        self.number, self.source = number, source
        self.report = folder / f"part-{number}.xml"
        self.log = folder / f"part-{number}.log"
        self.valkey = Valkey(folder / f"valkey-{number}", "test-password", durable=False)

    def run(self, database: dict[str, str]) -> dict[str, str]:
        assert servers.broker is not None
        vhost = Vhost.make(servers.broker.url, servers.broker.management_url)
        self.valkey.start()
        try:
            with self.log.open("w") as log:
                done = subprocess.run(
                    self.command(), cwd=self.source, env=self.environment(vhost) | database,
                    stdout=log, stderr=log, timeout=SECONDS, check=False,
                )  # fmt: skip
        finally:
            self.valkey.kill()
            vhost.delete()
        assert done.returncode in (0, 1), self.log.read_text()[-3000:]
        return outcomes_in(self.report)

    def command(self) -> list[str]:
        return [
            sys.executable, "-m", "pytest", "--noconftest", "-v", "--durations=8",
            "-c", str(ROOT / "tests/canvas/celerys.ini"),
            f"--rootdir={self.source}", f"--junit-xml={self.report}", "-p", "tests.canvas.celerys",
            "t/integration/test_canvas.py",
        ]  # fmt: skip

    def environment(self, vhost: Vhost) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        return kept | {
            "REDIS_URL": self.valkey.url,
            "CELERY_BROKER_URL": vhost.url,
            "CELERY_BROKER_MANAGEMENT_URL": vhost.management_url,
            "CELERY_TASK_MAX_RETRIES": "0",
            # No process is forked while the tests publish: it would get Celery's lock around events, held.
            "CELERY_WORKER_MAX_TASKS_PER_CHILD": "100000",
            "CELERY_TASK_TRACK_STARTED": "false",  # theirs take whatever result there is for the last one
            "SHARD": f"{self.number}/{PARTS}",
            "PYTHONPATH": f"{self.source}:{ROOT}",
        }


def outcomes_in(report: Path) -> dict[str, str]:
    """By a test's name: "passed", or what became of it instead."""
    found: dict[str, str] = {}
    for case in ElementTree.parse(report).getroot().iter("testcase"):
        name = f"{case.get('classname', '').rpartition('.')[2]}.{case.get('name')}"
        wrong = [said_by(part) for part in case if part.tag in WRONG]
        found[name] = "\n".join(wrong) or found.get(name, "passed")
    return found


def said_by(part: ElementTree.Element) -> str:
    return f"{part.tag}: {part.get('message')}\n{part.text or ''}"[-2000:]
