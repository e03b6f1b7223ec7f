"""The whole way: the admin's page, a real beat, RabbitMQ, a worker, the results."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from celery.result import AsyncResult
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.jobs import reading
from apps.schedules import rules
from apps.schedules.tests.making import LIST, change_url, filled_in, make_schedule
from tests.waiting import WorkerProcess, of_test_database, wait_until

STOP_SECONDS, QUIET_SECONDS = 20, 3


class BeatProcess:
    """A `celery beat` of its own, on the test database."""

    def __init__(self, folder: Path) -> None:
        self.argv = [
            sys.executable, "-m", "celery", "-A", "project", "beat", "-l", "INFO",
            "--pidfile", str(folder / "beat.pid"),
        ]  # fmt: skip
        self.log = folder / "beat.log"
        with self.log.open("wb") as out:
            self.process = subprocess.Popen(
                self.argv, env=os.environ | of_test_database(), stdin=subprocess.DEVNULL,
                stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def stop(self) -> None:
        self.process.terminate()
        try:
            self.process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


@pytest.fixture
def beat(worker: WorkerProcess, tmp_path: Path) -> Iterator[BeatProcess]:
    process = BeatProcess(tmp_path)
    yield process
    process.stop()


def ended(name: str) -> int:
    return reading.rows(periodic_task_name=name, status="SUCCESS").count()


@pytest.mark.slow
def test_schedules_edited_and_enabled_in_the_admin_fire(admin_client: Client, beat: BeatProcess) -> None:
    quick = make_schedule("quick", rule="every 1 seconds", kwargs={"left": 41})
    waiting = make_schedule("waiting", rule="every 1 seconds", enabled=False)
    wait_until(lambda: ended("quick") >= 2, 30, "the first firings")
    assert ended("waiting") == 0

    page = admin_client.get(change_url(quick))
    two_seconds = rules.saved(rules.parse("every 2 seconds")).row.pk
    assert admin_client.post(change_url(quick), filled_in(page, interval=two_seconds)).status_code == 302
    admin_client.post(LIST, {"action": "enable_tasks", "_selected_action": [waiting.pk]})
    before = ended("quick")
    wait_until(lambda: ended("waiting") >= 4, 30, "the enabled schedule to fire")
    assert 1 <= ended("quick") - before <= 4

    admin_client.post(LIST, {"action": "disable_tasks", "_selected_action": [quick.pk, waiting.pk]})
    wait_until(settled, 30, "both to stop")
    results = admin_client.get("/admin/django_celery_results/taskresult/?periodic_task_name=quick")
    row = results.context["cl"].result_list[0]
    assert (row.status, row.periodic_task_name) == ("SUCCESS", "quick")
    assert AsyncResult(row.task_id).get(timeout=5) == 42


def settled() -> bool:
    """Beat has taken note: it fired nothing in the last three seconds."""
    newest = reading.rows(periodic_task_name__in=["quick", "waiting"]).first()
    assert newest is not None
    enabled = PeriodicTask.objects.filter(enabled=True, name__in=["quick", "waiting"])
    quiet = (timezone.now() - newest.date_created).total_seconds()
    return not enabled.exists() and quiet > QUIET_SECONDS
