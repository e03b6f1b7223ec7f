"""The front door."""

from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import transaction
from django_celery_results.models import TaskResult

from apps.jobs import Order, submit
from apps.jobs.errors import ArgumentError, NotSubmitted, UnknownTask
from apps.jobs.task import JobTask
from apps.jobs.tests.sample_tasks import add_task

ADD = "apps.jobs.tests.sample_tasks.add_task"


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What would have gone to the broker."""
    found: list[dict[str, Any]] = []

    def apply_async(self: JobTask, args: Any, kwargs: Any, **options: Any) -> None:
        found.append({"args": args, "kwargs": kwargs, **options})

    monkeypatch.setattr(JobTask, "apply_async", apply_async)
    return found


@pytest.mark.django_db(transaction=True)
def test_a_job_has_a_row_before_it_is_sent(sent: list[dict[str, Any]]) -> None:
    job = submit(ADD, kwargs={"left": 1})
    row = TaskResult.objects.get(task_id=job.id)
    assert (row.status, row.task_name) == ("PENDING", ADD)
    assert sent[0]["task_id"] == job.id


@pytest.mark.django_db(transaction=True)
def test_a_job_is_sent_when_the_callers_transaction_commits(sent: list[dict[str, Any]]) -> None:
    with transaction.atomic():
        submit(ADD, kwargs={"left": 1})
        assert sent == []
    assert len(sent) == 1


@pytest.mark.django_db(transaction=True)
def test_a_rolled_back_caller_leaves_no_job(sent: list[dict[str, Any]]) -> None:
    with transaction.atomic():
        submit(ADD, kwargs={"left": 1})
        transaction.set_rollback(True)
    assert sent == []
    assert not TaskResult.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_arguments_are_sent_as_plain_json(sent: list[dict[str, Any]]) -> None:
    submit(add_task, args=["1"], kwargs={"right": 2.0})
    assert (sent[0]["args"], sent[0]["kwargs"]) == ((1,), {"right": 2})


@pytest.mark.django_db
def test_an_unknown_task_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownTask, match="did you mean 'apps.jobs.tests.sample_tasks.add_task'"):
        submit("apps.jobs.tests.sample_tasks.ad_task")


@pytest.mark.django_db
def test_wrong_arguments_leave_no_row() -> None:
    with pytest.raises(ArgumentError) as error:
        submit(ADD, kwargs={"left": "one", "rigth": 2})
    assert error.value.problems == {"rigth": "the task has no such argument; did you mean right?"}
    assert not TaskResult.objects.exists()


@pytest.mark.parametrize(
    ("order", "field"),
    [
        ({"priority": -1}, "priority"),
        ({"priority": 10}, "priority"),
        ({"delay": timedelta(seconds=-1)}, "delay"),
        ({"delay": timedelta(days=31)}, "delay"),
        ({"queue": "emial"}, "queue"),
        ({"queue": ""}, "queue"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused(order: dict[str, Any], field: str) -> None:
    with pytest.raises(ArgumentError) as error:
        Order(**order)
    assert set(error.value.problems) == {field}


@pytest.mark.django_db(transaction=True)
def test_delay_queue_and_priority_reach_the_broker(sent: list[dict[str, Any]]) -> None:
    submit(ADD, kwargs={"left": 1}, order=Order(priority=7, delay=timedelta(minutes=1), queue="data"))
    assert {name: sent[0][name] for name in ("priority", "countdown", "queue")} == {
        "priority": 7,
        "countdown": 60.0,
        "queue": "data",
    }


@pytest.mark.django_db(transaction=True)
def test_a_broker_out_of_reach_is_an_error_and_leaves_no_row(monkeypatch: pytest.MonkeyPatch) -> None:
    from kombu import Connection

    monkeypatch.setattr(
        current_app, "producer_or_acquire", Connection("amqp://127.0.0.1:9//", connect_timeout=1).Producer
    )
    with pytest.raises(NotSubmitted, match="the broker did not take the job"):
        submit(ADD, kwargs={"left": 1})
    assert not TaskResult.objects.exists()
