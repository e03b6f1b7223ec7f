"""The gate on RabbitMQ and on the embedded broker: limits, pauses, and who is held goes on."""

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from apps.gate import looking
from apps.gate.desired import publish
from apps.gate.pausing import pause, resume
from apps.gate.tests import limited_tasks as tasks
from apps.gate.tests.limited_tasks import noted
from apps.gate.tests.pauses import paused_for_sure
from apps.jobs import submit, submit_many
from apps.jobs.models import Hold, Job
from apps.jobs.tests.lives import running
from apps.messaging.tests.places import Place, move_here
from tests.waiting import RecorderProcess, WorkerProcess, wait_until

RECORDER = ("--only", "record", "--only", "relay", "--only", "holds", "--only", "sweep")


@pytest.fixture(params=["rabbitmq", "valkey"])
def place(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Any, no_others: None
) -> Place:
    if request.param == "rabbitmq":
        vhost = request.getfixturevalue("vhost")
        found = Place(vhost.url, vhost.management_url)
    else:
        found = Place(request.getfixturevalue("valkey").url)
    del found.environment["DJANGO_SETTINGS_MODULE"]
    move_here(found, monkeypatch, settings)
    found.declare()
    return found


def all_ended(count: int) -> None:
    wait_until(lambda: Job.objects.exclude(finished_at=None).count() >= count, what=f"{count} jobs to end")
    assert set(Job.objects.values_list("state", "attempts")) == {("SUCCESS", 1)}
    assert not Hold.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_on_each_broker(place: Place, admin_client: Client) -> None:
    publish()
    worker = WorkerProcess(
        "-I", "apps.gate.tests.limited_tasks", concurrency=3, environment=place.environment
    )
    with running(RecorderProcess(*RECORDER, environment=place.environment), worker):
        limits_hold()
        a_paused_task_is_held()
        a_paused_queue_is_left_alone(worker, admin_client)


def limits_hold() -> None:
    submit_many(tasks.rate_task, [[n] for n in range(15)])
    submit_many(tasks.one_at_once_task, [["a", n] for n in range(4)])
    submit_many(tasks.in_order_task, [["a", n] for n in range(5)])
    all_ended(24)
    moments = sorted(float(line.split()[1]) for line in noted("rate"))
    assert moments[-1] - moments[0] >= (15 - 2) / 20 - 0.1
    assert sorted(noted("begun:a")) == ["0", "1", "2", "3"]
    order = [line for line in noted("order:a") if line.endswith("begins")]
    assert order == [f"{n} begins" for n in range(5)]


def a_paused_task_is_held() -> None:
    paused_for_sure("task", tasks.plain_task.name)
    submit_many(tasks.plain_task, [[n] for n in range(60)])
    wait_until(lambda: Hold.objects.count() == 60, what="all to be held")
    assert not noted("plain")
    resume("task", tasks.plain_task.name)
    all_ended(84)
    assert sorted(map(int, noted("plain"))) == list(range(60))


def a_paused_queue_is_left_alone(worker: WorkerProcess, admin_client: Client) -> None:
    """The worker's list, the command and the log agree."""
    seen = wait_until(looking.workers, what="the worker to tell what it takes")
    assert (seen[0].paused, seen[0].follows) == ((), True)
    assert "default" in seen[0].takes
    pause("queue", "default", by="alice")
    wait_until(lambda: looking.workers()[0].paused == ("default",), seconds=5, what="the worker to follow")
    found = looking.workers()[0]
    assert found.follows
    assert "default" not in found.takes
    assert "queue default is paused" in worker.output()
    assert command("--json")["workers"][0]["paused"] == ["default"]
    page = admin_client.get(reverse("admin:jobs_worker_changelist")).content.decode()
    assert "default: paused" in page
    waits = submit(tasks.plain_task)
    submit(tasks.plain_task, queue="report")
    wait_until(lambda: Job.objects.filter(state="SUCCESS").count() == 85, what="another queue's job")
    assert Job.objects.get(id=waits.id).state == "PENDING"
    resume("queue", "default")
    all_ended(86)


def command(*words: str) -> Any:
    out = StringIO()
    call_command("gate", "status", *words, stdout=out)
    return json.loads(out.getvalue())
