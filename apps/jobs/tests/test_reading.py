"""The read models of jobs."""

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone
from redis import Redis

from apps.jobs import reading
from apps.jobs.models import DeadLetter
from apps.jobs.reading import detailing
from apps.jobs.submitting import Call, submit
from apps.jobs.tests.making import ADD, attempt, failure, job
from apps.jobs.tests.sample_tasks import add_task

pytestmark = pytest.mark.django_db


def remember(job_id: str, **meta: Any) -> None:
    """What the result backend keeps in Redis."""
    backend = current_app.backend
    backend.set(backend.get_key_for_task(job_id), json.dumps({"status": "SUCCESS", **meta}))


def found(job_id: str) -> reading.JobView:
    view = reading.find(job_id)
    assert view is not None
    return view


def details(job_id: str) -> reading.Details:
    return reading.details(found(job_id))


def test_a_submitted_job_is_found_with_its_exact_arguments() -> None:
    made = submit(add_task, args=[1], kwargs={"right": 2}, tags=["a"], submitter="ann", source="page")
    view = found(made.id)
    assert (view.state, view.ended, view.args, view.kwargs) == ("PENDING", False, [1], {"right": 2})
    assert (view.submitter, view.source, view.tags, view.priority) == ("ann", "page", ("a",), 5)
    assert details(made.id).call == Call([1], {"right": 2})


@pytest.mark.parametrize("job_id", ["no-such", "", "a\x00b"])
def test_an_unknown_job_is_none(job_id: str) -> None:
    assert reading.find(job_id) is None


def test_a_row_wins_over_what_redis_remembers() -> None:
    job("STARTED")
    remember("job-0", name=ADD, result=3)
    assert found("job-0").state == "STARTED"


def test_a_job_that_only_redis_remembers_is_found() -> None:
    done = "2026-03-04T12:00:00+00:00"
    remember("lonely", name=ADD, args=[1], kwargs={"right": 2}, result=3, worker="w1", date_done=done)
    view = found("lonely")
    assert (view.task, view.state, view.result, view.worker) == (ADD, "SUCCESS", 3, "w1")
    assert (view.submitted, view.finished and view.finished.isoformat()) == (None, done)
    assert details("lonely").call == Call([1], {"right": 2})


def test_a_job_that_failed_and_that_only_redis_remembers_has_its_error() -> None:
    remember("lonely", status="FAILURE", result={"exc_type": "ValueError", "exc_message": ["wet"]})
    assert found("lonely").error == "ValueError: wet"


def test_without_redis_the_ledger_still_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    job(args=[1])
    monkeypatch.setattr(current_app.backend, "client", Redis.from_url("redis://127.0.0.1:1"))
    assert reading.find("no-such") is None
    assert details("job-0").call == Call([1], {"left": 1})


def test_arguments_that_the_ledger_left_out_come_from_redis_while_it_has_them() -> None:
    job(args=None, kwargs=None)
    assert details("job-0").call is None
    remember("job-0", args=["large"], kwargs={})
    assert details("job-0").call == Call(["large"], {})


def test_the_error_is_none_where_there_was_none() -> None:
    job()
    failure("wet")
    assert (found("job-0").error, found("job-1").error) == (None, "ValueError: wet")


def test_times_are_columns() -> None:
    job()
    view = found("job-0")
    assert (view.wait_time, view.run_time) == (timedelta(seconds=1), timedelta(seconds=2))
    job("PENDING")
    assert (found("job-1").wait_time, found("job-1").run_time) == (None, None)


def test_a_delayed_job_waits_only_from_its_time_on() -> None:
    begun = timezone.now()
    job(created=begun, eta=begun + timedelta(seconds=0.4))
    assert found("job-0").wait_time == timedelta(seconds=0.6)


@pytest.mark.parametrize(
    ("state", "ahead", "held"),
    [("PENDING", 60, True), ("PENDING", -60, False), ("PENDING", None, False), ("STARTED", 60, False)],
)
def test_held_is_what_waits_for_its_time(state: str, ahead: int | None, held: bool) -> None:
    eta = None if ahead is None else timezone.now() + timedelta(seconds=ahead)
    job(state, eta=eta)
    assert found("job-0").held == held


def test_dead_is_a_failure_that_nobody_ran_again() -> None:
    failure()
    job()
    assert (found("job-0").dead, found("job-1").dead) == (True, False)
    job("PENDING", retry_of="job-0")
    assert not found("job-0").dead


def test_every_try_is_told_in_order() -> None:
    row = failure()
    attempt(row, "worker_lost", instance="w1@host#1")
    ended = row.submitted_at + timedelta(seconds=4)
    attempt(row, "failure", error_kind="E", error_message="wet", trace="line 7", finished_at=ended)
    first, second = details("job-0").tries
    assert (first.outcome, first.error, first.run_time) == ("worker_lost", "", None)
    assert (second.number, second.error, second.trace) == (2, "E: wet", "line 7")
    assert second.run_time == timedelta(seconds=2)


def test_of_very_many_tries_the_last_are_read() -> None:
    row = job()
    for _ in range(60):
        attempt(row, "retry")
    assert [one.number for one in reading.tries("job-0")] == list(range(11, 61))


def test_relatives_are_found_by_their_columns() -> None:
    job(id="root")
    job(id="parent", root="root", parent="root")
    job(id="me", root="root", parent="parent", group="g", retry_of="before")
    failure(id="before")
    job(id="sister", root="root", parent="parent", group="g")
    job(id="child", root="root", parent="me")
    job(id="after", retry_of="me")
    mine = details("me")
    assert [one and one.id for one in (mine.root, mine.parent, mine.retry_of)] == ["root", "parent", "before"]
    assert [one.id for one in mine.children.jobs] == ["child"]
    assert [one.id for one in mine.members.jobs] == ["me", "sister"]
    assert [one.id for one in mine.retries.jobs] == ["after"]


def test_a_job_is_no_relative_of_its_own() -> None:
    job(root="job-0", parent="job-0")  # as Celery says of one that was tried again
    assert not details("job-0").has_relatives
    job(parent="job-0")
    assert [one.id for one in details("job-0").children.jobs] == ["job-1"]


def test_the_root_is_not_told_twice() -> None:
    job()
    job(root="job-0", parent="job-0")
    assert details("job-1").root is None


def test_of_very_many_children_the_first_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(detailing, "RELATIVES", 3)
    monkeypatch.setattr(detailing, "COUNTED", 5)
    job()
    for _ in range(7):
        job(parent="job-0")
    children = details("job-0").children
    assert [one.id for one in children.jobs] == ["job-1", "job-2", "job-3"]
    assert (children.more, children.count.more) == (2, True)


def test_a_jobs_dead_letters_are_known() -> None:
    job()
    letter = DeadLetter.objects.create(job_id="job-0", digest="d", body=b"", died_at=timezone.now())
    assert details("job-0").letters == [letter.pk]


def test_details_take_few_queries(django_assert_max_num_queries: Callable[[int], Any]) -> None:
    for number in range(20):
        job(parent="job-0", group="g", retry_of="job-0", root=f"job-{number - 1}")
    view = found("job-0")
    with django_assert_max_num_queries(7):
        reading.details(view)


def test_lines_have_the_beginning_of_the_result_as_text() -> None:
    job(result={"rows": 3, "städte": "ü" * 400})
    job(result="plain")
    job(result=None)
    rows = reading.lines(reading.rows().order_by("id"))
    assert [len(str(rows[0].result)), rows[1].result, rows[2].result] == [300, "plain", None]
    assert str(rows[0].result).startswith('{"rows": 3')
    assert {line.args for line in rows} == {None}


def test_lists_take_one_query(django_assert_num_queries: Callable[[int], Any]) -> None:
    for _ in range(5):
        failure(result={"a": 1})
    with django_assert_num_queries(1):
        assert [(line.dead, line.kwargs) for line in reading.lines(reading.rows())] == [(True, None)] * 5


def test_the_latest_are_the_newest_whole() -> None:
    for minutes in (3, 1, 2):
        job(created=timezone.now() - timedelta(minutes=minutes), schedule="nightly")
    job()
    newest = reading.latest(2, schedule="nightly")
    assert [(one.id, one.kwargs) for one in newest] == [("job-1", {"left": 1}), ("job-2", {"left": 1})]
