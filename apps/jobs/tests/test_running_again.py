"""Running a job again, as a new one."""

import json
import zlib
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.jobs import submitting
from apps.jobs.acting import NotRetryable, UnknownJob, retry
from apps.jobs.errors import ArgumentError, UnknownTask
from apps.jobs.models import DeadLetter, Job
from apps.jobs.resending import Parcel
from apps.jobs.tests.acting_tasks import pay_task
from apps.jobs.tests.ledger import backend, own_stream  # noqa: F401
from apps.jobs.tests.stages import in_state, request_of

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stream")]

PAY = str(pay_task.name)


@pytest.fixture(autouse=True)
def unpublished(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker: what is submitted stays in the outbox."""
    monkeypatch.setattr(submitting, "publish_soon", lambda jobs: None)


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVOKED"])
def test_a_job_that_ended_runs_again_as_a_new_job(state: str) -> None:
    old = in_state(state, priority=7, tags=["march", "vip"], schedule="nightly", queue="data")
    new = retry(old.id, by="alice")
    assert new.id != old.id
    assert (new.retry_of, new.state, new.submitter) == (old.id, "PENDING", "alice")
    for name in ("task", "args", "kwargs", "queue", "priority", "tags", "schedule"):
        assert getattr(new, name) == getattr(old, name), name
    assert Job.objects.get(id=old.id).state == state


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("PENDING", "is PENDING"),
        ("STARTED", "is STARTED"),
        ("RETRY", "is RETRY"),
        ("SNOOZED", "is PENDING"),
        ("LOST", "is PENDING"),
    ],
)
def test_a_job_that_lives_is_not_run_again(state: str, said: str) -> None:
    job = in_state(state)
    with pytest.raises(NotRetryable, match=f"{said}; only a job that has ended is run again"):
        retry(job.id)
    assert Job.objects.count() == 1


def test_a_job_that_ended_a_moment_ago_runs_again_before_the_ledger_knows() -> None:
    job = in_state("STARTED")
    backend().mark_as_done(job.id, 3, request_of(job))
    assert retry(job.id).retry_of == job.id


def test_a_job_that_was_let_run_again_is_not_retried_meanwhile() -> None:
    job = in_state("FAILURE")
    backend().reopen(job.id, "PENDING", "{}")
    with pytest.raises(NotRetryable, match="is PENDING"):
        retry(job.id)


def test_edited_arguments_are_checked_and_used() -> None:
    old = in_state("FAILURE")
    new = retry(old.id, [5], {"right": "6"})
    assert (new.args, new.kwargs) == ([5], {"right": 6})
    with pytest.raises(ArgumentError, match="left"):
        retry(old.id, kwargs={"left": "many"})
    with pytest.raises(ArgumentError, match="args: expected a list"):
        retry(old.id, "five")
    with pytest.raises(ArgumentError, match="kwargs: expected a dict"):
        retry(old.id, kwargs=[5])  # type: ignore[arg-type]
    assert Job.objects.count() == 2


def test_options_win_over_what_the_old_job_had() -> None:
    old = in_state("SUCCESS", priority=7, tags=["a"])
    new = retry(old.id, priority=1, tags=["b"], delay=timedelta(minutes=1), retry_of="x", source="page")
    assert (new.priority, new.tags, new.source, new.retry_of) == (1, ["b"], "page", old.id)
    assert new.eta is not None


def test_a_queue_that_is_gone_is_left_to_the_routes() -> None:
    old = in_state("SUCCESS")
    Job.objects.filter(id=old.id).update(queue="gone", priority=None)
    new = retry(old.id)
    assert (new.queue, new.priority) == ("default", 5)


def test_an_unknown_job_and_an_unknown_task_are_refused() -> None:
    old = in_state("SUCCESS")
    Job.objects.filter(id=old.id).update(task="gone.task")
    with pytest.raises(UnknownTask):
        retry(old.id)
    for job_id in ("nobody", "", "a\x00b", "\ud800", "x" * 10_000):
        with pytest.raises(UnknownJob, match="no job has the id"):
            retry(job_id)


def test_arguments_that_the_ledger_did_not_keep_have_to_be_given() -> None:
    old = in_state("SUCCESS")
    Job.objects.filter(id=old.id).update(kwargs=None)
    with pytest.raises(NotRetryable, match="are not kept; give them with --kwargs"):
        retry(old.id)
    assert retry(old.id, kwargs={"left": 9}).kwargs == {"left": 9}


# --- Running again what had secrets -------------------------------------------------------------
def redacted(outbox: Any = None, **columns: Any) -> Job:
    """A job that ended, whose password only its messages have."""
    job = in_state("FAILURE")
    shown = {"kwargs": {"amount": 5, "password": "[redacted]"}, "args": [], "redacted": ["password"]}
    Job.objects.filter(id=job.id).update(task=PAY, outbox=outbox, **{**shown, **columns})
    return Job.objects.get(id=job.id)


def letter(job: Job, body: bytes, **headers: Any) -> None:
    properties = {"content_type": "application/json", "content_encoding": "utf-8"}
    parcel = Parcel(body, properties, {"id": job.id, "task": job.task, **headers})
    DeadLetter.objects.create(
        digest=job.id, job_id=job.id, body=body, envelope=parcel.envelope(), died_at=timezone.now()
    )


def sent(job_id: str) -> Any:
    """What its message will carry."""
    job = Job.objects.get(id=job_id)
    held = job.outbox or {}
    return held.get("args", job.args), held.get("kwargs", job.kwargs)


def test_a_secret_that_nobody_kept_has_to_be_given() -> None:
    job = redacted()
    with pytest.raises(NotRetryable, match=r"secrets that are not kept: password; give them with --kwargs"):
        retry(job.id)
    assert sent(retry(job.id, kwargs={"amount": 5, "password": "s3cret"}).id)[1]["password"] == "s3cret"


def test_a_secret_in_the_outbox_is_used_again() -> None:
    job = redacted(outbox={"args": [], "kwargs": {"amount": 5, "password": "s3cret"}})
    assert sent(retry(job.id).id) == ([], {"amount": 5, "password": "s3cret"})


def test_a_secret_in_a_dead_letter_is_used_again_also_beside_edited_arguments() -> None:
    job = redacted()
    letter(job, json.dumps([[], {"amount": 5, "password": "s3cret"}, {}]).encode())
    new = retry(job.id, kwargs={"amount": 6, "password": "[redacted]"})
    assert sent(new.id) == ([], {"amount": 6, "password": "s3cret"})


def test_a_secret_in_a_compressed_dead_letter_is_used_again() -> None:
    job = redacted()
    body = zlib.compress(json.dumps([[], {"amount": 5, "password": "s3cret"}, {}]).encode())
    letter(job, body, compression="application/x-gzip")
    assert sent(retry(job.id).id) == ([], {"amount": 5, "password": "s3cret"})


@pytest.mark.parametrize(
    "body", [b"\x80\x04]", b"[]", b"5", b'"ab"', b"[1, 2, 3]", b"", b'{"a": 1}', b"[" * 99_999]
)
def test_a_letter_that_is_no_call_gives_nothing_back(body: bytes) -> None:
    job = redacted()
    letter(job, body)
    with pytest.raises(NotRetryable, match="password"):
        retry(job.id)


def test_hidden_values_by_position_and_inside_others_are_named() -> None:
    shown: dict[str, Any] = {"note": {"card": {"pin": "[redacted]"}, "all": ["x", "[redacted]"]}}
    job = redacted(args=[5, "[redacted]"], kwargs=shown)
    with pytest.raises(NotRetryable, match=r"not kept: password, note\.all\.1, note\.card\.pin;"):
        retry(job.id)


def test_arguments_nested_beyond_reason_are_refused() -> None:
    deep: Any = "[redacted]"
    for _level in range(5000):
        deep = [deep]
    with pytest.raises(ArgumentError, match="less deeply nested"):
        retry(redacted().id, kwargs={"note": deep})
