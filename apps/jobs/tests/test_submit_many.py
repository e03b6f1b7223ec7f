"""Thousands of jobs in one statement: all of them or none."""

import time
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from apps.jobs import Call, Job, submit, submit_many, submitting
from apps.jobs.errors import ArgumentError, UnknownTask
from apps.jobs.tests.sample_tasks import add_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    found: list[Job] = []
    monkeypatch.setattr(submitting, "publish_soon", found.extend)
    return found


def test_a_call_is_a_list_a_dict_or_a_call(published: list[Job]) -> None:
    jobs = submit_many(add_task, [[1], {"left": 2}, Call([3], {"right": 4}), (5, 6)])
    rows = Job.objects.in_bulk([job.id for job in jobs])
    assert [(rows[job.id].args, rows[job.id].kwargs) for job in jobs] == [
        ([1], {}), ([], {"left": 2}), ([3], {"right": 4}), ([5, 6], {}),
    ]  # fmt: skip
    assert published == jobs


def test_the_options_are_for_all() -> None:
    submit_many(add_task, [[1], [2]], queue="report", tags=["a"], priority=7, submitter="alice")
    found = set(Job.objects.values_list("queue", "priority", "submitter"))
    assert found == {("report", 7, "alice")}
    assert [job.tags for job in Job.objects.all()] == [["a"], ["a"]]


def test_ten_thousand_take_one_statement_and_a_few_seconds() -> None:
    began = time.monotonic()
    with CaptureQueriesContext(connection) as queries:
        jobs = submit_many(add_task, ([n] for n in range(10_000)))
    assert len([query for query in queries if "INSERT" in query["sql"]]) == 1
    assert time.monotonic() - began < 20
    assert Job.objects.count() == len({job.id for job in jobs}) == 10_000


def test_one_bad_call_refuses_all_and_each_is_named(published: list[Job]) -> None:
    with pytest.raises(ArgumentError) as error:
        submit_many(add_task, [[1], ["one"], {"left": 1, "rigth": 2}, 7, "text"])  # type: ignore[list-item]
    assert set(error.value.problems) == {"calls.1.left", "calls.2.rigth", "calls.3", "calls.4"}
    assert (published, Job.objects.count()) == ([], 0)


@pytest.mark.parametrize("name", ["id", "key"])
def test_what_only_one_job_can_have_is_refused(name: str) -> None:
    options: dict[str, Any] = {name: "x"}
    with pytest.raises(ArgumentError, match="single jobs only"):
        submit_many(add_task, [[1]], **options)


def test_no_calls_are_no_jobs(published: list[Job]) -> None:
    assert submit_many(add_task, []) == []
    assert published == []


def test_an_unknown_task_is_refused() -> None:
    with pytest.raises(UnknownTask):
        submit_many("nobodys_task", [[1]])


def test_a_rollback_takes_all_back(published: list[Job]) -> None:
    with transaction.atomic():
        submit_many(add_task, [[n] for n in range(5)])
        transaction.set_rollback(True)
    assert (published, Job.objects.count()) == ([], 0)


def test_each_has_an_id_and_a_place_of_its_own() -> None:
    jobs = submit_many(add_task, [[n] for n in range(100)])
    assert [job.args for job in jobs] == [[n] for n in range(100)]
    assert len({job.id for job in jobs}) == 100


def test_jobs_go_to_the_queue_of_their_own_arguments(monkeypatch: pytest.MonkeyPatch) -> None:
    """A route may look at the arguments."""
    monkeypatch.setattr(
        "apps.jobs.wire.queue_for", lambda task, args, kwargs, options: "data" if args[0] else "email"
    )
    assert [job.queue for job in submit_many(add_task, [[0], [1]])] == ["email", "data"]
    assert set(Job.objects.values_list("queue", flat=True)) == {"email", "data"}


def test_many_are_the_same_as_one_by_one() -> None:
    one, (other,) = submit(add_task, args=[1]), submit_many(add_task, [[1]])
    names = [field.attname for field in Job._meta.concrete_fields if not field.generated]
    differ = [name for name in names if getattr(one, name) != getattr(other, name)]
    assert set(differ) <= {"id", "submitted_at", "relay_at"}
