"""Run now: one submit with all that the schedule says."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.jobs import Call, Job, wire
from apps.jobs.errors import ArgumentError, UnknownTask
from apps.jobs.tests.sample_tasks import add_task
from apps.schedules.running import prepare, run_now
from apps.schedules.tests.making import make_schedule
from tests.waiting import WorkerProcess, ended


def stored(schedule: PeriodicTask) -> Job:
    """The job as it lies in the outbox."""
    return Job.objects.get(id=run_now(schedule, submitter="alice").id)


def test_every_option_of_the_schedule_is_kept(db: None) -> None:
    fields: dict[str, Any] = {
        "queue": "report",
        "priority": 7,
        "expire_seconds": 60,
        "headers": '{"tenant": "a"}',
    }
    job = stored(make_schedule(args=[2], kwargs={"right": 3}, **fields))
    assert (job.args, job.kwargs, job.queue, job.priority) == ([2], {"right": 3}, "report", 7)
    assert job.expires_at == job.submitted_at + timedelta(seconds=60)
    assert (job.schedule, job.submitter) == ("nightly", "alice")
    headers = wire.message(job).headers
    assert (headers["tenant"], headers["periodic_task_name"]) == ("a", "nightly")


def test_other_arguments_change_nothing_else(db: None) -> None:
    schedule = make_schedule(args=[2], kwargs={"right": 3}, queue="report", priority=7)
    job = Job.objects.get(id=run_now(schedule, Call([], {"left": 9})).id)
    assert (job.args, job.kwargs, job.queue, job.priority) == ([], {"left": 9}, "report", 7)
    assert job.schedule == "nightly"


def test_without_options_the_job_has_the_normal_priority_and_its_route(db: None) -> None:
    job = stored(make_schedule())
    assert (job.priority, job.queue, job.expires_at, job.eta) == (5, "default", None, None)


def test_a_users_router_and_the_urgent_lane_count_for_schedules_too(db: None, settings: Any) -> None:
    settings.JOB_ROUTERS = ["apps.jobs.tests.routers_of_a_user.ByTenant"]
    assert stored(make_schedule(args=[13], kwargs={})).queue == "report"
    assert stored(make_schedule("urgent", args=[13], kwargs={}, priority=0)).queue == "urgent"
    assert stored(make_schedule("asked", args=[13], kwargs={}, queue="data", priority=0)).queue == "data"


def test_an_end_that_has_passed_does_not_expire_the_job(db: None) -> None:
    assert stored(make_schedule(expires=timezone.now())).expires_at is None


@pytest.mark.parametrize(("days", "kept"), [(1, 1), (400, 30)])
def test_a_job_ends_with_its_schedule_but_waits_a_month_at_most(db: None, days: int, kept: int) -> None:
    job = stored(make_schedule(expires=timezone.now() + timedelta(days=days)))
    assert job.expires_at is not None
    assert abs(job.expires_at - timezone.now() - timedelta(days=kept)) < timedelta(minutes=1)


@pytest.mark.parametrize("exchange", [None, "", "tasks"])
def test_a_routing_key_leads_to_its_queue_as_with_beat(db: None, exchange: str | None) -> None:
    schedule = make_schedule(queue="report", routing_key="email", exchange=exchange)
    assert stored(schedule).queue == "email"


def test_a_debounced_task_says_itself_when_it_starts(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    schedule, due = make_schedule(), timezone.now() + timedelta(minutes=1)
    assert prepare(schedule, due, jitter_seconds=1).eta in {due, due + timedelta(seconds=1)}
    monkeypatch.setattr(add_task, "unique_key", (), raising=False)
    monkeypatch.setattr(add_task, "debounce", timedelta(seconds=30), raising=False)
    eta = prepare(schedule, due, jitter_seconds=1).eta
    assert eta is not None
    assert eta < due, "half a minute from now"


def test_running_now_leaves_the_schedule_as_it_is(db: None) -> None:
    schedule = make_schedule(enabled=False)
    run_now(schedule)
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
        ({"routing_key": "nowhere"}, "routing_key"),
        ({"routing_key": "email", "exchange": "amq.topic"}, "routing_key"),
        ({"exchange": "tasks"}, "routing_key"),
    ],
)
def test_what_cannot_run_is_refused_and_leaves_no_job(db: None, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(ArgumentError) as error:
        run_now(make_schedule(**fields))
    assert named in error.value.problems
    assert not Job.objects.exists()


def test_a_task_that_nobody_registered_is_refused(db: None) -> None:
    with pytest.raises(UnknownTask, match="add_task"):
        run_now(make_schedule(task="apps.jobs.tests.sample_tasks.ad_task"))


def test_the_job_is_listed_under_the_schedules_name(worker: WorkerProcess) -> None:
    schedule = make_schedule(kwargs={"left": 20, "right": 22}, queue="report")
    job = ended(run_now(schedule).id)
    assert (job.state, job.result, job.schedule) == ("SUCCESS", 42, "nightly")
    assert json.dumps(job.kwargs) == '{"left": 20, "right": 22}'
