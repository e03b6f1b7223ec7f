"""The front door: one INSERT in the caller's transaction, and the job with its id."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.jobs import Job, submit, submitting
from apps.jobs.errors import ArgumentError, UnknownTask
from apps.jobs.submitting import JobTaken
from apps.jobs.tests.ledger import own_stream, request_of  # noqa: F401
from apps.jobs.tests.sample_tasks import add_task

pytestmark = pytest.mark.django_db(transaction=True)

ADD = str(add_task.name)


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """What would go to the broker."""
    found: list[Job] = []
    monkeypatch.setattr(submitting, "publish_soon", found.extend)
    return found


def test_a_job_has_a_row_with_its_real_arguments() -> None:
    job = submit(ADD, args=["1"], kwargs={"right": 2.0})
    row = Job.objects.get(id=job.id)
    assert (row.state, row.task, row.queue, row.priority) == ("PENDING", ADD, "default", 5)
    assert (row.args, row.kwargs, row.outbox) == ([1], {"right": 2}, {})
    assert (row.attempts, row.version, row.source, row.published_at) == (0, 0, "code", None)
    assert timezone.now() - row.submitted_at < timedelta(seconds=10)


def test_the_job_that_is_returned_is_the_one_that_is_kept() -> None:
    job = submit(ADD, args=[1], tags=["a"], submitter="alice", source="page", schedule="nightly")
    row = Job.objects.get()
    names = [field.attname for field in Job._meta.concrete_fields if not field.generated]
    assert {name: getattr(row, name) for name in names} == {name: getattr(job, name) for name in names}


def test_it_costs_one_statement() -> None:
    submit(ADD, args=[1])
    with CaptureQueriesContext(connection) as queries:
        submit(ADD, args=[1])
    assert len(queries) == 1


def test_every_option_is_in_the_row() -> None:
    options: dict[str, Any] = {
        "priority": 7, "queue": "report", "tags": ["a", "b"], "schedule": "nightly", "source": "api",
        "submitter": "alice", "retry_of": "other", "id": "mine", "headers": {"trace": "x"}, "key": "k",
        "delay": timedelta(minutes=1), "expires": timedelta(hours=1),
    }  # fmt: skip
    row = Job.objects.get(id=submit(ADD, args=[1], **options).id)
    for name in ("priority", "queue", "tags", "schedule", "source", "submitter", "retry_of", "id", "key"):
        assert getattr(row, name) == options[name], name
    assert row.outbox == {"headers": {"trace": "x"}}
    assert row.eta is not None
    assert row.expires_at is not None
    assert (row.expires_at - row.eta) == timedelta(minutes=59)


def test_it_is_published_when_the_callers_transaction_commits(published: list[Job]) -> None:
    with transaction.atomic():
        job = submit(ADD, args=[1])
        assert published == []
    assert published == [job]


def test_a_rolled_back_caller_leaves_no_job(published: list[Job]) -> None:
    with transaction.atomic():
        submit(ADD, args=[1])
        transaction.set_rollback(True)
    assert (published, Job.objects.count()) == ([], 0)


def test_a_task_may_be_named_or_given() -> None:
    assert submit(add_task, args=[1]).task == submit(ADD, args=[1]).task


def test_an_unknown_task_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(UnknownTask, match=f"did you mean '{ADD}'"):
        submit(ADD.replace("add", "ad"))


def test_wrong_arguments_are_named_and_leave_no_row(published: list[Job]) -> None:
    with pytest.raises(ArgumentError) as error:
        submit(ADD, kwargs={"left": "one", "rigth": 2})
    assert set(error.value.problems) == {"rigth"}
    assert (published, Job.objects.count()) == ([], 0)


def test_a_wrong_option_is_named_and_leaves_no_row() -> None:
    with pytest.raises(ArgumentError) as error:
        submit(ADD, args=[1], priority=99)  # the type is right, the number isn't
    assert set(error.value.problems) == {"priority"}
    assert not Job.objects.exists()


def test_an_id_that_is_taken_is_refused_and_the_transaction_goes_on() -> None:
    with transaction.atomic():
        submit(ADD, args=[1], id="mine")
        with pytest.raises(JobTaken, match="mine exists already"):
            submit(ADD, args=[2], id="mine")
        other = submit(ADD, args=[3])
    assert set(Job.objects.values_list("id", flat=True)) == {"mine", other.id}
    assert Job.objects.get(id="mine").args == [1]


@pytest.mark.parametrize("left", ["Łódź 🎉", "quote ' and \" and \\", "%s {} $1"])
def test_any_text_is_kept_as_it_is(left: str, monkeypatch: pytest.MonkeyPatch) -> None:
    job = submit("bench.noop", tags=[left], key=left)
    assert (Job.objects.get(id=job.id).tags, Job.objects.get(id=job.id).key) == ([left], left)


def test_the_urgent_ones_ride_in_their_lane() -> None:
    assert submit(ADD, args=[1], priority=0).queue == "urgent"


def test_a_job_of_a_job_knows_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submitting, "job_here", lambda: request_of("parent", root_id="root"))
    job = submit(ADD, args=[1])
    assert (job.parent, job.root) == ("parent", "root")


def test_a_broker_that_is_away_is_no_error() -> None:
    """The publisher is not asked before the caller has its answer."""
    assert submit(ADD, args=[1]).state == "PENDING"
