"""A Redis that has lost its data: what had ended by then doesn't run again, and a cancel holds."""

from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import TaskRevokedError
from celery.result import AsyncResult
from django.db import OperationalError
from django.utils import timezone

from apps.jobs import standing
from apps.jobs.acting import cancel
from apps.jobs.models import Job
from apps.jobs.stream.names import SINCE
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.tests.ledger import backend
from apps.jobs.tests.stages import in_state, request_of, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("no_others")]


def lose_data() -> None:
    stream_redis().flushdb()


def ask(job: Job, **more: Any) -> str:
    """What a worker is told that gets the job's message."""
    return backend().start(request_of(job, **more), tracked=True).verdict


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVOKED"])
def test_a_job_that_had_ended_does_not_run_again(state: str) -> None:
    job = in_state(state)
    lose_data()
    assert ask(job) == "ended"


@pytest.mark.parametrize("state", ["PENDING", "STARTED", "RETRY"])
def test_a_job_that_had_not_ended_runs(state: str) -> None:
    job = in_state(state)
    lose_data()
    assert ask(job) == "run"


def test_a_cancel_holds_even_if_its_news_were_lost_too() -> None:
    job = in_state("PENDING")
    assert cancel(job.id, by="alice").done
    lose_data()
    assert ask(job) == "ended"
    assert (row(job).state, row(job).reason) == ("REVOKED", "cancelled")
    assert isinstance(AsyncResult(job.id).result, TaskRevokedError)


def test_a_job_without_a_row_runs() -> None:
    unknown = Job(id="plain", task="shop.tasks.ship_task", queue="default")
    assert ask(unknown) == "run"


def test_a_young_job_costs_no_question(django_assert_num_queries: Any) -> None:
    job = in_state("PENDING")
    lose_data()
    tomorrow = (timezone.now() + timedelta(days=1)).timestamp()
    with django_assert_num_queries(0):
        assert ask(job, submitted_at=tomorrow) == "run"
    stream_redis().set(SINCE, 0)
    with django_assert_num_queries(0):
        assert ask(in_memory(job), submitted_at=100.0) == "run"


def in_memory(job: Job) -> Job:
    return Job(id=f"{job.id}-other", task=job.task, queue=job.queue)


def test_the_answer_waits_for_the_database(monkeypatch: pytest.MonkeyPatch) -> None:
    job = in_state("SUCCESS")
    lose_data()
    asked: list[str] = []
    ending_of = standing.ending_of

    def away_at_first(job_id: str) -> str:
        asked.append(job_id)
        if len(asked) == 1:
            raise OperationalError("the database system is starting up")
        return ending_of(job_id)

    monkeypatch.setattr(standing, "ending_of", away_at_first)
    assert ask(job) == "ended"
    assert len(asked) == 2
