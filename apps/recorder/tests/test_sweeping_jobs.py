"""Jobs that are said to run and don't, and outcomes that the ledger has missed."""

from datetime import timedelta

import pytest
from celery import current_app
from celery.app.task import Context
from celery.exceptions import TaskRevokedError
from django.utils import timezone
from django_celery_results.models import TaskResult

from apps.jobs import workers
from apps.jobs.acting import cancel
from apps.jobs.models import Attempt, Job, Worker
from apps.jobs.states import Outcome, Reason, State
from apps.jobs.stream.names import STREAM
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.tests.lives import outcomes, purge
from apps.recorder.tests.brooms import Broom, beat, published, record_all, row, start


def finish(job: Job, request: Context, result: object = 2) -> None:
    current_app.backend.mark_as_done(job.id, result, request=request)


def lose_entries() -> None:
    """The stream loses what nobody has recorded yet."""
    stream_redis().xtrim(STREAM, maxlen=0, approximate=False)


def test_a_lost_worker_s_job_waits_for_its_redelivery(broom: Broom) -> None:
    job = published()
    beat(held=(job.id,))
    start(job)
    broom.sweep_until("jobs_lost")
    found = row(job)
    assert (found.state, found.reason) == (State.PENDING, Reason.WORKER_LOST)
    assert found.error == "its worker w1@here was lost"
    assert outcomes(job.id) == [Outcome.WORKER_LOST]
    assert [view.name for view in workers.lost()] == ["w1@here"]


def test_a_try_whose_start_the_stream_lost_runs_on(broom: Broom) -> None:
    job = published()
    first = beat(held=(job.id,))
    start(job)
    record_all()
    current_app.backend.lose_now(job.id, "{}")
    start(job, "w2@here")
    lose_entries()  # the ledger still has it at the first worker, which dies
    beat(number=first.number + 1, stopped=True)
    assert broom.sweep(12, lambda: beat("w2@here", held=(job.id,))) == {}


def test_a_stopped_worker_s_job_is_lost_at_once(broom: Broom) -> None:
    job = published()
    beat()
    start(job)
    broom.sweep(1)
    beat(stopped=True)
    assert broom.sweep(1) == {"jobs_lost": 1}
    assert row(job).reason == Reason.WORKER_LOST


def test_a_job_that_its_worker_holds_runs_on(broom: Broom) -> None:
    job = published()
    start(job)
    assert broom.sweep(12, lambda: beat(held=(job.id,))) == {}
    assert [(view.name, view.running) for view in workers.living()] == [("w1@here", 1)]
    assert list(workers.running(workers.living()[0].instance)) == [job]


def test_a_living_worker_that_has_lost_the_process_loses_the_job(broom: Broom) -> None:
    job = published()
    start(job)
    broom.sweep_until("jobs_lost", beat)
    assert row(job).reason == Reason.WORKER_LOST


def test_a_worker_that_nobody_ever_heard_is_no_reason_to_wait_for_ever(broom: Broom) -> None:
    job = published()
    start(job)
    broom.sweep_until("jobs_lost")
    assert row(job).reason == Reason.WORKER_LOST


def test_the_first_end_wins_when_a_lost_worker_wakes(broom: Broom) -> None:
    job = published()
    beat()
    first = start(job)
    broom.sweep_until("jobs_lost")
    second = start(job, "w2@here")
    finish(job, first, "first")
    finish(job, second, "second")
    broom.sweep(1)
    assert (row(job).state, row(job).result) == (State.SUCCESS, "first")
    assert outcomes(job.id) == [Outcome.SUCCESS, Outcome.SUCCESS]


def test_a_worker_that_beats_again_is_no_longer_lost(broom: Broom) -> None:
    beat()
    broom.sweep_until("workers_lost")
    assert workers.living() == []
    beat()
    broom.sweep(1)
    assert [view.state for view in workers.living()] == ["alive"]
    assert workers.lost() == []


def test_a_worker_known_from_its_row_alone_is_listened_for(broom: Broom) -> None:
    now = timezone.now()
    Worker.objects.create(instance="old@here#1", name="old@here", pid=1, started_at=now, seen_at=now)
    assert broom.sweep_until("workers_lost")["workers_lost"] == 1
    assert Worker.objects.get().lost_at is not None


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE"])
def test_an_outcome_that_the_stream_lost_is_fetched_from_redis(broom: Broom, state: str) -> None:
    job = published()
    request = start(job)
    record_all()
    if state == "SUCCESS":
        finish(job, request, {"rows": 3})
    else:
        current_app.backend.mark_as_failure(job.id, ValueError("no"), traceback="lines", request=request)
    lose_entries()
    assert broom.sweep_until("told_again", beat) == {"told_again": 1}
    found = row(job)
    assert found.state == TaskResult.objects.get(task_id=job.id).status == state
    assert "missing in the ledger" in found.note
    assert (found.result, found.error) == (
        ({"rows": 3}, "") if state == "SUCCESS" else (None, "ValueError: no")
    )
    assert outcomes(job.id) == [state.lower()]


def test_a_job_of_which_the_stream_lost_everything_is_whole_again(broom: Broom) -> None:
    job = published()
    finish(job, start(job))
    lose_entries()
    purge()
    assert broom.sweep() == {"told_again": 1}
    assert (row(job).state, row(job).result, row(job).attempts) == (State.SUCCESS, 2, 1)
    assert outcomes(job.id) == [Outcome.SUCCESS]


def test_a_retry_that_the_stream_lost_is_told_again(broom: Broom) -> None:
    job = published()
    request = start(job)
    record_all()
    later = timezone.now() + timedelta(hours=1)
    request.update(next_eta=later.isoformat())
    current_app.backend.mark_as_retry(job.id, ValueError("later"), request=request)
    lose_entries()
    broom.sweep_until("told_again", beat)
    assert (row(job).state, row(job).due_at, row(job).resends) == (State.RETRY, later, 0)


def test_a_result_that_only_the_ledger_was_to_keep_still_ends_its_job(broom: Broom) -> None:
    job = published()
    request = start(job)
    record_all()
    current_app.backend.mark_as_done(job.id, 1, request=request, store_result=False)
    lose_entries()
    broom.sweep_until("told_again", beat)
    assert (row(job).state, row(job).result) == (State.SUCCESS, None)


def test_jobs_outlive_a_redis_that_lost_its_data(broom: Broom) -> None:
    job = published()
    start(job)
    record_all()
    stream_redis().flushdb()
    assert broom.sweep_until("told_again", beat) == {"told_again": 1}
    assert (row(job).state, row(job).reason) == (State.PENDING, Reason.WORKER_LOST)
    assert outcomes(job.id) == [Outcome.WORKER_LOST]


def test_a_try_of_an_ended_job_that_its_worker_still_runs_stays_open(broom: Broom) -> None:
    job = published()
    start(job, "w1@here")
    second = start(job, "w2@here", delivery_info={"routing_key": job.queue, "redelivered": True})
    finish(job, second)
    assert broom.sweep(12, lambda: beat("w1@here", held=(job.id,))) == {}
    assert outcomes(job.id) == [Outcome.RUNNING, Outcome.SUCCESS]
    broom.sweep_until("tries_closed", lambda: beat("w1@here"))
    closed = Attempt.objects.filter(job_id=job.id).order_by("token")[0]
    assert (closed.outcome, closed.finished_at is not None) == (Outcome.WORKER_LOST, True)


def test_a_job_that_nobody_began_in_time_has_expired(broom: Broom) -> None:
    job = published(expires=timedelta(minutes=1))
    assert broom.sweep(3) == {}
    Job.objects.filter(id=job.id).update(expires_at=timezone.now() - timedelta(minutes=1))
    assert broom.sweep(3) == {"expired": 1}
    assert (row(job).state, row(job).reason) == (State.REVOKED, Reason.EXPIRED)
    assert isinstance(current_app.AsyncResult(job.id).result, TaskRevokedError)


def test_a_job_that_was_begun_in_time_does_not_expire(broom: Broom) -> None:
    job = published(expires=timedelta(minutes=1))
    start(job)
    lose_entries()  # the ledger doesn't know that it runs
    Job.objects.filter(id=job.id).update(expires_at=timezone.now() - timedelta(minutes=1))
    assert "expired" not in broom.sweep(3, lambda: beat(held=(job.id,)))


def test_a_job_that_expires_in_the_outbox_is_not_published(broom: Broom) -> None:
    job = published()
    past = timezone.now() - timedelta(minutes=1)
    Job.objects.filter(id=job.id).update(
        outbox={}, relay_at=timezone.now() + timedelta(hours=1), expires_at=past
    )
    assert broom.sweep(1) == {"expired": 1}
    assert row(job).outbox is None


def test_a_cancelled_job_of_which_nothing_else_is_left_is_ended(broom: Broom) -> None:
    job = published()
    assert cancel(job.id).done
    stream_redis().flushdb()
    Job.objects.filter(id=job.id).update(cancelled_at=timezone.now() - timedelta(minutes=1))
    assert broom.sweep_until("cancelled") == {"cancelled": 1}
    assert (row(job).state, row(job).reason) == (State.REVOKED, Reason.CANCELLED)
