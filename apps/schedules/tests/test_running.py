import json
from typing import Any

import pytest
from django.utils import timezone

from apps.jobs import reading
from apps.jobs.errors import ArgumentError, UnknownTask
from apps.jobs.tests import sample_tasks
from apps.schedules.running import run_now
from apps.schedules.tests.making import make_schedule
from tests.waiting import WorkerProcess, ended


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What reaches the broker: the one call that leaves the process is written down instead."""
    calls: list[dict[str, Any]] = []

    def write_down(args: Any = None, kwargs: Any = None, **options: Any) -> None:
        calls.append({"args": args, "kwargs": kwargs, **options})

    monkeypatch.setattr(sample_tasks.add_task, "apply_async", write_down)
    return calls


def run(schedule: Any, capture: Any) -> None:
    with capture(execute=True):
        run_now(schedule)


def test_every_option_of_the_schedule_is_kept(
    db: None, published: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    schedule = make_schedule(
        args=[2],
        kwargs={"right": 3},
        queue="report",
        priority=7,
        expire_seconds=60,
        headers='{"tenant": "a"}',
    )
    run(schedule, django_capture_on_commit_callbacks)
    (call,) = published
    assert (list(call["args"]), call["kwargs"]) == ([2], {"right": 3})
    assert (call["queue"], call["priority"], call["expires"]) == ("report", 7, 60)
    assert call["headers"] == {"tenant": "a", "periodic_task_name": "nightly"}


def test_without_options_the_job_has_the_normal_priority_and_its_route(
    db: None, published: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    run(make_schedule(), django_capture_on_commit_callbacks)
    assert published[0]["priority"] == 5
    assert {"queue", "expires", "exchange", "routing_key"} & published[0].keys() == set()


def test_an_end_that_has_passed_does_not_expire_the_job(
    db: None, published: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    run(make_schedule(expires=timezone.now()), django_capture_on_commit_callbacks)
    assert "expires" not in published[0]


def test_running_now_leaves_the_schedule_as_it_is(
    db: None, published: list[dict[str, Any]], django_capture_on_commit_callbacks: Any
) -> None:
    schedule = make_schedule(enabled=False)
    run(schedule, django_capture_on_commit_callbacks)
    schedule.refresh_from_db()
    assert (schedule.enabled, schedule.last_run_at, schedule.total_run_count) == (False, None, 0)


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"kwargs": {"left": "many"}}, "left"),
        ({"kwargs": {"lefft": 1, "left": 1}}, "lefft"),
        ({"kwargs": [1]}, "kwargs"),
        ({"args": {"left": 1}}, "args"),
        ({"headers": "{"}, "headers"),
        ({"queue": "nowhere"}, "queue"),
        ({"priority": 200}, "priority"),
    ],
)
def test_what_cannot_run_is_refused_and_leaves_no_job(db: None, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(ArgumentError) as error:
        run_now(make_schedule(**fields))
    assert named in error.value.problems
    assert not reading.rows().exists()


def test_a_task_that_nobody_registered_is_refused(db: None) -> None:
    with pytest.raises(UnknownTask, match="add_task"):
        run_now(make_schedule(task="apps.jobs.tests.sample_tasks.ad_task"))


def test_the_job_is_listed_under_the_schedules_name(worker: WorkerProcess) -> None:
    schedule = make_schedule(kwargs={"left": 20, "right": 22}, queue="report")
    job = ended(run_now(schedule).id)
    assert (job.state, job.result, job.schedule) == ("SUCCESS", 42, "nightly")
    assert json.dumps(job.kwargs) == '{"left": 20, "right": 22}'
