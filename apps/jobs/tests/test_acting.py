"""Cancelling a job, as Redis and the ledger see it."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from celery.exceptions import TaskRevokedError
from celery.result import AsyncResult
from django.db import connection, transaction
from django_celery_results.models import TaskResult
from kombu import Connection

from apps.jobs import acting, submitting
from apps.jobs.acting import CancelResult, NotCancelled, UnknownJob, cancel
from apps.jobs.ending import reopen
from apps.jobs.errors import ArgumentError
from apps.jobs.models import Attempt, Job
from apps.jobs.state import redis_error
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.submitting import submit
from apps.jobs.tests.ledger import backend, drain, own_stream  # noqa: F401
from apps.jobs.tests.stages import ADD, bring, in_state, request_of, row, started

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stream")]


@pytest.fixture(autouse=True)
def unpublished(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker: what is submitted stays in the outbox."""
    monkeypatch.setattr(submitting, "publish_soon", lambda jobs: None)


@pytest.mark.parametrize("state", ["PENDING", "RETRY", "SNOOZED", "LOST"])
def test_a_job_that_waits_is_cancelled_for_good(state: str) -> None:
    job = in_state(state)
    result = cancel(job.id, by="alice", why="wrong customer")
    assert (result.outcome, result.state, result.done) == ("cancelled", "REVOKED", True)
    found = row(job)
    assert (found.state, found.reason) == ("REVOKED", "cancelled")
    assert found.note == "cancelled by alice: wrong customer"
    assert found.finished_at is not None
    assert backend().start(request_of(job, retries=3), tracked=True).verdict == "ended"


def test_whoever_waits_for_the_result_hears_of_it() -> None:
    job = in_state("PENDING")
    cancel(job.id)
    with pytest.raises(TaskRevokedError):
        AsyncResult(job.id).get(timeout=5)
    drain()
    assert TaskResult.objects.get(task_id=job.id).status == "REVOKED"


def test_a_cancelled_job_leaves_the_outbox_at_once() -> None:
    job = in_state("PENDING")
    assert job.outbox is not None
    cancel(job.id)
    assert Job.objects.get(id=job.id).outbox is None
    assert row(job).outbox is None


def test_the_tries_before_keep_their_outcome() -> None:
    job = in_state("RETRY")
    cancel(job.id)
    drain()
    (tried,) = Attempt.objects.filter(job_id=job.id)
    assert (tried.outcome, tried.error_kind, row(job).attempts) == ("retry", "TemporaryError", 1)


def test_cancelling_again_changes_nothing() -> None:
    job = in_state("PENDING")
    cancel(job.id, by="alice")
    before = row(job)
    result = cancel(job.id, by="bob", force=True)
    assert (result.outcome, result.text, result.done) == ("ended", "cancelled already", True)
    assert vars(row(job)) | {"_state": 0} == vars(before) | {"_state": 0}


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE"])
def test_a_job_that_has_ended_stays_as_it_is(state: str) -> None:
    job = in_state(state)
    result = cancel(job.id, force=True)
    assert (result.outcome, result.state, result.done) == ("ended", state, False)
    assert result.text == f"ended already: {state}"
    assert row(job).state == state


def test_a_job_whose_redis_has_forgotten_it_is_judged_by_the_ledger() -> None:
    waiting, over = in_state("PENDING"), in_state("SUCCESS")
    stream_redis().flushdb()
    assert cancel(waiting.id).outcome == "cancelled"
    assert cancel(over.id).outcome == "ended"


def test_a_running_job_is_asked_to_end_unless_forced() -> None:
    job = in_state("STARTED")
    result = cancel(job.id, by="alice", why="too long")
    assert (result.outcome, result.state, result.done) == ("asked", "STARTED", False)
    assert result.text == "a worker runs it: it is asked to end, and killed after 30 s unless in a thread"
    assert cancel(job.id, by="bob").text == "asked to end already"
    backend().mark_as_done(job.id, 3, request_of(job))
    found = row(job)
    assert (found.state, found.note) == ("SUCCESS", "asked to end by alice: too long")


@pytest.mark.parametrize("state", ["LOST", "RETRY", "SNOOZED"])
def test_who_was_asked_to_end_is_not_started_again(state: str) -> None:
    job = in_state("PENDING")
    request = started(job)
    assert cancel(job.id, by="alice").outcome == "asked"
    if state == "LOST":
        backend().lose(job.id, "{}")
    elif state == "RETRY":
        backend().mark_as_retry(job.id, ValueError("busy"), request=request)
    else:
        backend().snooze(request, "later", 5)
    assert backend().start(request_of(job, retries=1), tracked=True).verdict == "ended"
    found = row(job)
    assert (found.state, found.reason, found.attempts) == ("REVOKED", "cancelled", 1)


def test_a_job_that_is_let_run_again_is_asked_no_longer() -> None:
    job = in_state("STARTED")
    cancel(job.id)
    reopen(job.id, "sent again")
    assert backend().start(request_of(job), tracked=True).verdict == "run"


def test_redis_that_forgot_a_running_job_knows_the_wish() -> None:
    job = in_state("STARTED")
    stream_redis().flushdb()
    assert cancel(job.id).outcome == "asked"
    assert backend().start(request_of(job), tracked=True).verdict == "ended"


def test_a_forced_cancel_ends_the_running_try_too(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[CancelResult] = []

    def kill(result: CancelResult) -> CancelResult:
        told.append(result)
        return result

    monkeypatch.setattr(acting, "kill", kill)
    job = in_state("STARTED")
    result = cancel(job.id, force=True)
    assert result.outcome == "killed"
    backend().mark_as_done(job.id, 3, request_of(job))  # too late
    found = row(job)
    assert (found.state, found.reason, told) == ("REVOKED", "cancelled", [result])
    assert Attempt.objects.get(job_id=job.id).outcome == "revoked"


def test_a_forced_cancel_holds_when_no_worker_can_be_told(monkeypatch: pytest.MonkeyPatch) -> None:
    job = in_state("STARTED")
    nowhere = Connection("amqp://127.0.0.1:9//", connect_timeout=1)
    monkeypatch.setattr(current_app, "connection_for_write", lambda: nowhere)
    result = cancel(job.id, by="alice", force=True)
    assert (result.outcome, result.done) == ("cancelled", True)
    assert "cancelled by alice; the workers can't be told to kill it" in result.text
    assert row(job).state == "REVOKED"


def test_a_job_that_begins_at_that_moment_is_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the look and the cancel a worker has begun it."""
    job = in_state("PENDING")
    revoke: Callable[..., None] = acting.revoke

    def late(*args: Any, **options: Any) -> None:
        started(job)
        revoke(*args, **options)

    monkeypatch.setattr(acting, "revoke", late)
    result = cancel(job.id)
    assert (result.outcome, result.state) == ("cancelled", "REVOKED")
    assert "a worker had just begun it" in result.text


def test_a_job_that_ends_at_that_moment_keeps_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    job = in_state("PENDING")
    revoke: Callable[..., None] = acting.revoke

    def late(*args: Any, **options: Any) -> None:
        bring(job, "SUCCESS")
        revoke(*args, **options)

    monkeypatch.setattr(acting, "revoke", late)
    result = cancel(job.id)
    assert (result.outcome, result.state, result.done) == ("ended", "SUCCESS", False)
    assert row(job).state == "SUCCESS"


def test_what_the_cancel_must_not_touch_stays() -> None:
    job = in_state("PENDING", tags=["a"], key="k", delay=timedelta(hours=1))
    before = vars(job)
    cancel(job.id)
    after = vars(row(job))
    changed = {name for name in after if after[name] != before[name]} - {"_state"}
    assert changed - {"cancelled_at", "finished_at", "run_time", "version"} <= {
        "state", "reason", "error", "note", "outbox",
    }  # fmt: skip


def test_a_cancelled_jobs_key_is_free() -> None:
    job = in_state("PENDING", key="only-one")
    cancel(job.id)
    drain()
    assert submit(ADD, args=[1], key="only-one").id != job.id


def test_words_that_cannot_be_kept_are_refused() -> None:
    job = in_state("PENDING")
    for bad in ({"why": "x" * 1001}, {"by": "x" * 151}, {"why": 5}, {"by": None}):
        with pytest.raises(ArgumentError, match=next(iter(bad))):
            cancel(job.id, **bad)
    with pytest.raises(UnknownJob, match="no job has the id nobody"):
        cancel("nobody")
    assert row(job).state == "PENDING"


def test_without_redis_nothing_is_changed(monkeypatch: pytest.MonkeyPatch) -> None:
    job = in_state("PENDING")

    class Away:
        def ping(self) -> None:
            raise redis_error()("nobody there")

    monkeypatch.setattr(acting, "stream_redis", Away)
    with pytest.raises(NotCancelled, match="Redis can't be reached: nobody there"):
        cancel(job.id)
    monkeypatch.undo()
    assert row(job).state == "PENDING"


@pytest.mark.django_db(transaction=True)
def test_a_relay_passes_over_a_job_that_is_being_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    """And whoever cancels waits for a relay that has the row in hand."""
    job = submit(ADD, args=[1])
    seen: list[list[str]] = []
    revoke: Callable[..., None] = acting.revoke

    def look() -> None:
        with transaction.atomic():
            due = Job.objects.filter(outbox__isnull=False).select_for_update(skip_locked=True)
            seen.append([found.id for found in due])
        connection.close()

    def meanwhile(*args: Any, **options: Any) -> None:
        thread = threading.Thread(target=look)
        thread.start()
        thread.join(10)
        revoke(*args, **options)

    monkeypatch.setattr(acting, "revoke", meanwhile)
    cancel(job.id)
    look()
    assert seen == [[], []]
