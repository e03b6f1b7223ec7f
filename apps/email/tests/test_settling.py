"""Rows that nobody ended."""

import pytest
from django.db import connection
from django.utils import timezone

from apps.email.models import Message, State
from apps.email.sending import LOCKS
from apps.email.tasks import settle_messages_task
from apps.jobs import Job

pytestmark = pytest.mark.django_db


def message(state: State, job_id: str = "job") -> Message:
    return Message.objects.create(to="ann@example.com", subject="Hi", state=state, job_id=job_id)


def job(state: str, error: str = "") -> None:
    Job.objects.create(id="job", state=state, error=error, submitted_at=timezone.now())


def settled() -> dict[str, int]:
    found: dict[str, int] = settle_messages_task()
    return found


def test_mail_of_a_dead_worker_becomes_unsure() -> None:
    row = message(State.SENDING)
    assert settled() == {"status": "success", "unsure": 1, "failed": 0}
    row.refresh_from_db()
    assert (row.state, row.error) == (State.UNSURE, "the worker died while it was sending")


@pytest.mark.django_db(transaction=True)
def test_mail_of_a_live_worker_is_left_alone() -> None:
    row, other = message(State.SENDING), connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s, %s)", [LOCKS, row.pk])
        assert settled()["unsure"] == 0
    finally:
        other.close()


@pytest.mark.parametrize(
    ("state", "error", "words"),
    [
        ("FAILURE", "TimeLimitExceeded: 300", "TimeLimitExceeded: 300"),
        ("REVOKED", "", "its job ended as REVOKED"),
    ],
)
def test_mail_whose_job_ended_before_it_becomes_failed(state: str, error: str, words: str) -> None:
    row = message(State.QUEUED)
    job(state, error)
    assert settled()["failed"] == 1
    row.refresh_from_db()
    assert (row.state, row.error) == (State.FAILED, words)


@pytest.mark.parametrize("state", ["PENDING", "STARTED", "RETRY"])
def test_mail_whose_job_still_lives_stays_queued(state: str) -> None:
    message(State.QUEUED)
    job(state)
    assert settled() == {"status": "success", "unsure": 0, "failed": 0}


def test_mail_without_a_known_job_stays_queued() -> None:
    for job_id in ("", "unknown"):
        message(State.QUEUED, job_id)
    assert settled() == {"status": "success", "unsure": 0, "failed": 0}


@pytest.mark.parametrize("state", [State.SENT, State.FAILED, State.UNSURE])
def test_what_has_ended_stays_as_it_is(state: State) -> None:
    row = message(state)
    job("FAILURE")
    assert settled() == {"status": "success", "unsure": 0, "failed": 0}
    row.refresh_from_db()
    assert row.state == state
