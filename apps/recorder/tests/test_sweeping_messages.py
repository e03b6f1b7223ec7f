"""Messages that are nowhere: their jobs are sent again, and no other job is."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import connection
from django.utils import timezone

from apps.jobs import leading, workers
from apps.jobs.models import Job
from apps.jobs.states import Reason, State
from apps.jobs.stream.names import STREAM
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.tests.lives import purge
from apps.jobs.tests.sample_tasks import add_task
from apps.recorder import sweeping
from apps.recorder.tests.brooms import (
    QUEUE,
    Broom,
    beat,
    published,
    ready,
    record_all,
    relay,
    request_of,
    row,
    start,
    taken,
)
from tests.waiting import wait_until


def test_a_job_whose_message_was_purged_is_sent_again(broom: Broom) -> None:
    job = published()
    purge()
    assert broom.sweep() == {"sent_again": 1}
    found = row(job)
    assert (found.state, found.reason, found.resends) == (State.PENDING, Reason.SENT_AGAIN, 1)
    assert "no queue and no worker" in found.note
    assert (relay(), ready()) == (1, 1)
    assert row(job).outbox is None


def test_jobs_in_a_long_queue_are_never_doubled(broom: Broom) -> None:
    jobs = [published() for _ in range(3)]
    assert broom.sweep(10) == {}
    assert ready() == 3
    assert not Job.objects.filter(resends__gt=0).exists()
    assert {row(job).state for job in jobs} == {State.PENDING}


def test_one_message_in_the_queue_protects_all_of_its_jobs(broom: Broom) -> None:
    published()
    purge()
    published()
    assert broom.sweep() == {}


def test_another_queue_s_messages_protect_nobody(broom: Broom) -> None:
    published()
    purge()
    published(queue="data")
    assert broom.sweep() == {"sent_again": 1}


def test_a_job_that_a_living_worker_holds_is_left_to_it(broom: Broom) -> None:
    job = published()
    purge()
    assert broom.sweep(10, lambda: beat(held=(job.id,))) == {}
    assert broom.sweep(10, beat) == {"sent_again": 1}


def test_a_worker_that_holds_more_than_it_can_tell_protects_its_queues(broom: Broom) -> None:
    published()
    purge()
    assert broom.sweep(10, lambda: beat(whole=False)) == {}


def test_a_consumer_that_nobody_knows_may_hold_anything(broom: Broom) -> None:
    published()
    with taken():
        assert ready() == 0
        assert broom.sweep(10) == {}
    assert ready() == 1


def test_a_job_with_a_later_time_is_left_alone_until_then(broom: Broom) -> None:
    job = published(eta=timezone.now() + timedelta(hours=1))
    purge()
    assert broom.sweep(10) == {}
    Job.objects.filter(id=job.id).update(eta=timezone.now())
    assert broom.sweep() == {"sent_again": 1}


def test_a_retry_is_left_alone_until_it_is_due_and_then_keeps_its_count(broom: Broom) -> None:
    job = published()
    purge()
    request = start(job)
    request.update(next_eta=(datetime.now(UTC) + timedelta(hours=1)).isoformat())
    current_app.backend.mark_as_retry(job.id, ValueError("not yet"), request=request)
    assert broom.sweep(10, beat) == {}
    assert row(job).due_at > timezone.now() + timedelta(minutes=59)  # type: ignore[operator]
    Job.objects.filter(id=job.id).update(due_at=timezone.now())
    assert broom.sweep(5, beat) == {"sent_again": 1}
    assert row(job).outbox == {"headers": {"retries": 1}}


def test_a_snoozed_job_is_left_alone_until_it_wakes(broom: Broom) -> None:
    job = published()
    purge()
    current_app.backend.snooze(start(job), "not now", 3600)
    assert broom.sweep(10, beat) == {}
    assert timedelta(minutes=59) < row(job).due_at - timezone.now() < timedelta(minutes=61)  # type: ignore[operator]


def test_a_job_that_is_not_published_yet_is_the_relay_s(broom: Broom) -> None:
    job = published()
    purge()
    Job.objects.filter(id=job.id).update(outbox={}, relay_at=timezone.now() + timedelta(hours=1))
    assert broom.sweep(10) == {}


def test_after_the_second_time_a_job_is_given_up(broom: Broom) -> None:
    job = published()
    for _ in range(2):
        purge()
        assert broom.sweep() == {"sent_again": 1}
        assert relay() == 1
    purge()
    assert broom.sweep() == {"given_up": 1}
    found = row(job)
    assert (found.state, found.reason, found.resends) == (State.FAILURE, Reason.WORKER_LOST, 2)
    assert "its message was lost 3 times" in found.error
    result = current_app.AsyncResult(job.id)
    assert (result.state, type(result.result).__name__) == ("FAILURE", "WorkerLostError")


@pytest.mark.parametrize(
    ("known", "words"),
    [
        ({"redacted": ["password"]}, "the hidden arguments password"),
        ({"args": None}, "doesn't have its arguments"),
    ],
)
def test_a_job_that_can_t_be_made_again_is_given_up_at_once(
    broom: Broom, known: dict[str, Any], words: str
) -> None:
    job = published()
    purge()
    Job.objects.filter(id=job.id).update(**known)
    assert broom.sweep() == {"given_up": 1}
    assert words in row(job).error


def test_a_chain_whose_first_message_is_lost_ends_as_a_whole(broom: Broom) -> None:
    first = published()
    later = published()
    Job.objects.filter(id=later.id).update(parent=first.id, published_at=None, outbox=None)
    purge()
    assert broom.sweep() == {"given_up": 2}
    assert "the steps that come after it" in row(first).error
    assert row(later).state == State.FAILURE


def test_a_plain_job_is_sent_again_and_told_what_it_may_lack(broom: Broom) -> None:
    sent = add_task.apply_async((1,), queue=QUEUE)
    record_all()
    purge()
    assert broom.sweep() == {"sent_again": 1}
    found = Job.objects.get(id=sent.id)
    assert "its links, if it had any, are lost" in found.note
    assert (relay(), ready()) == (1, 1)


def test_the_second_of_two_messages_of_a_job_does_not_run(broom: Broom) -> None:
    job = published()
    purge()
    broom.sweep()
    relay()
    start(job)
    begun = current_app.backend.start(request_of(job), tracked=True)
    assert begun.verdict == "copy"


def test_nothing_is_judged_while_the_recorder_lags(broom: Broom) -> None:
    published()
    purge()
    broom.sweep(1)
    stream_redis().delete(STREAM)
    stream_redis().xadd(STREAM, {"kind": "published", "id": "x", "doc": ""}, id="1-1")
    for _ in range(10):
        broom.apart(broom.sweeping.sweep)
    assert not Job.objects.filter(resends__gt=0).exists()


def test_nothing_is_judged_without_the_broker(broom: Broom, monkeypatch: pytest.MonkeyPatch) -> None:
    published()
    purge()
    monkeypatch.setattr(current_app.conf, "broker_read_url", "amqp://nobody:x@127.0.0.1:9/none")
    assert broom.sweep(10) == {}
    monkeypatch.undo()
    assert broom.sweep() == {"sent_again": 1}


def test_one_recorder_sweeps_and_another_takes_over(broom: Broom) -> None:
    other = Broom()
    published()
    purge()
    broom.sweep(1)
    assert other.sweep(10) == {}
    broom.apart(lambda: connection.close())  # noqa: PLW0108 - of that thread
    assert other.sweep() == {"sent_again": 1}
    other.close()


def test_a_recorder_that_is_frozen_gives_way(broom: Broom, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leading, "FROZEN_MILLISECONDS", 200)
    other = Broom()
    published()
    purge()
    broom.sweep(1)
    wait_until(lambda: other.sweep() == {"sent_again": 1}, what="the other one to sweep")
    assert broom.sweep(2) == {}  # awake again, it finds that its turn is over
    other.close()


def test_the_time_of_the_last_look_is_known(broom: Broom) -> None:
    assert workers.swept_at() is None
    before = timezone.now()
    broom.sweep(1)
    assert workers.swept_at() >= before  # type: ignore[operator]


def test_what_was_mended_is_told_in_one_line(broom: Broom, caplog: pytest.LogCaptureFixture) -> None:
    for _ in range(3):
        published()
    purge()
    broom.sweep()
    told = [line.getMessage() for line in caplog.records if line.name == sweeping.__name__]
    assert told == ["mended: sent_again 3"]
    assert broom.sweeping.mended == 3
