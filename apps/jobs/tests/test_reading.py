"""The read models of jobs."""

import json
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone
from django_celery_results.models import TaskResult
from redis import Redis

from apps.jobs import reading
from apps.jobs.reading import Call
from apps.jobs.submitting import Submission, note

pytestmark = pytest.mark.django_db
ADD = "apps.jobs.tests.sample_tasks.add_task"


def row(state: str = "SUCCESS", age: timedelta = timedelta(0), **columns: Any) -> TaskResult:
    made = TaskResult.objects.create(
        **{
            "task_id": f"job-{TaskResult.objects.count()}",
            "task_name": ADD,
            "status": state,
            "content_type": "application/json",
            "content_encoding": "utf-8",
            **columns,
        }
    )
    moment = timezone.now() - age
    TaskResult.objects.filter(pk=made.pk).update(date_created=moment, date_done=moment)
    made.refresh_from_db()
    return made


def remember(job_id: str, **meta: Any) -> None:
    backend = current_app.backend
    backend.set(backend.get_key_for_task(job_id), json.dumps({"status": "SUCCESS", **meta}))


def details(job_id: str) -> reading.Details:
    view = reading.find(job_id)
    assert view is not None
    return reading.details(view)


def logged(text: str) -> str:
    """As the worker's mirror stores the arguments: a repr inside JSON."""
    return json.dumps(text)


def test_a_submitted_job_is_found_with_its_exact_arguments() -> None:
    values = {"left": 1, "right": "a...b", "path": "C:\\new", "nested": {"a": [{"b": None}]}}
    note(Submission("new", ADD, ["x\ny"], values))
    view = reading.find("new")
    assert view is not None
    assert (view.state, view.ended, view.args, view.kwargs) == ("PENDING", False, ("x\ny",), values)
    assert details("new").call == Call(["x\ny"], values)


@pytest.mark.parametrize("job_id", ["no-such", "", "a\x00b"])
def test_an_unknown_job_is_none(job_id: str) -> None:
    assert reading.find(job_id) is None


def test_a_job_that_only_redis_remembers_is_found() -> None:
    done = "2026-03-04T12:00:00+00:00"
    remember("lonely", name=ADD, args=[1], kwargs={"right": 2}, result=3, worker="w1", date_done=done)
    view = reading.find("lonely")
    assert view is not None
    assert (view.task, view.state, view.result, view.worker) == (ADD, "SUCCESS", 3, "w1")
    assert (view.submitted, view.finished and view.finished.isoformat()) == (None, done)
    assert details("lonely").call == Call([1], {"right": 2})


def test_a_job_that_failed_and_that_only_redis_remembers_has_its_error() -> None:
    remember("lonely", status="FAILURE", result={"exc_type": "ValueError", "exc_message": ["wet"]})
    view = reading.find("lonely")
    assert view is not None
    assert view.error == "ValueError: wet"


def test_without_redis_the_database_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    row(task_args=logged("(1,)"), task_kwargs=logged("{}"))
    monkeypatch.setattr(current_app.backend, "client", Redis.from_url("redis://127.0.0.1:1"))
    assert reading.find("no-such") is None
    assert details("job-0").call == Call([1], {})


@pytest.mark.parametrize(
    ("args", "kwargs", "call"),
    [
        ("(1, 'a')", "{'b': [2, None, True]}", Call([1, "a"], {"b": [2, None, True]})),
        ("(1,)", "{'b': 'long te...'}", None),
        ("(1,)", "{'b': {...}}", None),
        ("(1, ...)", "{}", None),
        ("()", "{'path': 'C:\\new'}", None),
        ("()", "{'name': 'Ann\\'s'}", None),
        ("(<object>,)", "{}", None),
        ("()", "[1]", None),
        ("", "", None),
    ],
)
def test_logged_arguments_are_exact_only_if_nothing_can_be_missing(
    args: str, kwargs: str, call: Call | None
) -> None:
    row(task_args=logged(args), task_kwargs=logged(kwargs))
    assert details("job-0").call == call


def test_redis_knows_arguments_that_were_cut_off_for_the_log() -> None:
    row(task_args=logged("()"), task_kwargs=logged("{'b': 'long te...'}"))
    remember("job-0", args=[], kwargs={"b": "long text"}, queue="data", retries=2)
    found = details("job-0")
    assert (found.call, found.queue, found.attempt) == (Call([], {"b": "long text"}), "data", 3)


def test_relatives_are_parent_and_children_but_not_the_job_itself() -> None:
    for _ in range(4):
        row()
    group = [["a-group", None], [[["job-2", None], None], [["job-3", None], None]]]
    remember("job-1", parent_id="job-0", children=[group, [["job-1", None], None], [["gone", None], None]])
    found = details("job-1")
    assert found.parent is not None
    assert found.parent.id == "job-0"
    assert [child.id for child in found.children] == ["job-2", "job-3"]
    assert found.child_count == 3


def test_of_very_many_children_the_first_are_read(django_assert_max_num_queries: Any) -> None:
    row()
    remember("job-0", children=[[[f"child-{number}", None], None] for number in range(5000)])
    view = reading.find("job-0")
    assert view is not None
    with django_assert_max_num_queries(1):
        assert reading.details(view).child_count == 5000


@pytest.mark.parametrize(
    ("state", "result", "error"),
    [
        ("FAILURE", {"exc_type": "E", "exc_message": ["a", 1]}, "E: a, 1"),
        ("FAILURE", {"exc_type": "E", "exc_message": []}, "E"),
        ("FAILURE", {"exc_type": "E"}, "E"),
        ("RETRY", {"exc_type": "E", "exc_message": "wet"}, "E: wet"),
        (
            "REVOKED",
            {"exc_type": "TaskRevokedError", "exc_message": ["expired"]},
            "TaskRevokedError: expired",
        ),
        ("FAILURE", "text", None),
        ("SUCCESS", {"exc_type": "E"}, None),
    ],
)
def test_an_error_is_one_line(state: str, result: Any, error: str | None) -> None:
    assert reading.view(row(state, result=json.dumps(result))).error == error


def test_times_are_known_once_they_have_happened() -> None:
    made = row("STARTED", age=timedelta(seconds=60))
    assert (reading.view(made).wait_time, reading.view(made).run_time) == (None, None)
    made.date_started = made.date_created + timedelta(seconds=2)
    assert reading.view(made).wait_time == timedelta(seconds=2)
    made.status, made.date_done = "SUCCESS", made.date_started + timedelta(seconds=5)
    assert reading.view(made).run_time == timedelta(seconds=5)
