"""The whole way: the admin's page, a real beat, RabbitMQ, a worker, the results."""

from collections.abc import Iterator

import pytest
from celery.result import AsyncResult
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.jobs import reading
from apps.schedules.tests.making import LIST, change_url, filled_in, make_schedule
from tests.beats.processes import BeatProcess
from tests.waiting import WorkerProcess, wait_until

QUIET_SECONDS = 3


@pytest.fixture
def beat(worker: WorkerProcess) -> Iterator[BeatProcess]:
    process = BeatProcess()
    process.start()
    yield process
    process.stop()


def ended(name: str) -> int:
    return reading.rows(schedule=name, state="SUCCESS").count()


@pytest.mark.slow
def test_schedules_edited_and_enabled_in_the_admin_fire(admin_client: Client, beat: BeatProcess) -> None:
    quick = make_schedule("quick", rule="every 1 seconds", kwargs={"left": 41})
    waiting = make_schedule("waiting", rule="every 1 seconds", enabled=False)
    wait_until(lambda: ended("quick") >= 2, 30, "the first firings")
    assert ended("waiting") == 0

    page = admin_client.get(change_url(quick))
    assert admin_client.post(change_url(quick), filled_in(page, rule="every 2 seconds")).status_code == 302
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
    newest = reading.rows(schedule__in=["quick", "waiting"]).first()
    assert newest is not None
    enabled = PeriodicTask.objects.filter(enabled=True, name__in=["quick", "waiting"])
    quiet = (timezone.now() - newest.submitted_at).total_seconds()
    return not enabled.exists() and quiet > QUIET_SECONDS
