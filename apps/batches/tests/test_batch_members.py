"""Whose jobs are members, whose turn it is to be cancelled, and what runs again."""

from typing import Any

import pytest
from amqp.exceptions import NotAllowed

from apps.batches import find_batch, open_batch
from apps.batches.cancelling import Cancelling, cancel_orphans
from apps.batches.counting import Counts
from apps.batches.handles import BatchHandle
from apps.batches.models import Member
from apps.batches.tests.living import end, settled
from apps.batches.tests.sample_tasks import keyed_part_task, part_task
from apps.jobs import acting, submit, submit_many
from apps.jobs.models import Job
from apps.jobs.tests.ledger import drain, own_stream  # noqa: F401 - a fixture

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stream")]


def cancelled(name: str, count: int) -> BatchHandle:
    batch = open_batch(name)
    batch.add_many(part_task, [[number] for number in range(count)])
    batch.cancel()
    return batch


def batches_of(job_ids: list[str]) -> list[int]:
    return [Member.objects.get(job_id=job_id).batch_id for job_id in job_ids]


def test_a_job_that_has_the_key_already_stays_what_it_was() -> None:
    foreign = submit(part_task, args=[1], unique_key=["number"])
    with open_batch("import") as batch:
        jobs = batch.add_many(part_task, [[1], [2], [2], [3]], unique_key=["number"])
        again = batch.add(part_task, args=[3], unique_key=["number"])
    assert [job.existing for job in jobs] == [True, False, True, False]
    assert (jobs[0].id, jobs[2].id, again.id) == (foreign.id, jobs[1].id, jobs[3].id)
    assert batch.counts() == Counts(total=2)
    batch.cancel()
    Cancelling().go_on()
    drain()
    assert settled(batch.id).outcome == "cancelled"
    assert Job.objects.get(id=foreign.id).state == "PENDING"


def test_a_member_that_runs_again_takes_the_key_its_task_declares() -> None:
    with open_batch("import") as batch:
        jobs = batch.add_many(keyed_part_task, [[1], [2]])
    end(jobs, "FAILURE")
    settled(batch.id)
    other = submit(keyed_part_task, args=[2])
    assert not other.existing
    result = batch.retry()
    (again,) = Job.objects.filter(retry_of=jobs[0].id)
    assert (result.count, again.key) == (1, jobs[0].key)
    said = f"job {jobs[1].id} is not run again: job {other.id}, which is PENDING, has the key {other.key}"
    assert result.refused == {jobs[1].id: said}
    assert submit(keyed_part_task, args=[1]).id == again.id
    end([again])
    assert settled(batch.id).outcome == "failed"
    assert batch.counts() == Counts(total=2, succeeded=1, failed=1)


def test_a_retry_of_the_outer_batch_leaves_alone_what_is_being_cancelled() -> None:
    with open_batch("outer") as outer:
        job = outer.add(part_task)
        with outer.open_batch("inner") as inner:
            inner_job, waits = inner.add_many(part_task, [[1], [2]])
            with inner.open_batch("innermost") as innermost:
                innermost_job = innermost.add(part_task)
    end([job, inner_job, innermost_job], "FAILURE")
    settled(outer.id)
    inner.cancel(by="alice")
    result = outer.retry()
    why = "it is in a batch that is being cancelled"
    assert (result.count, result.refused) == (1, {inner_job.id: why, innermost_job.id: why})
    assert inner.row().cancelled_at is not None
    assert innermost.row().finished_at is not None
    end([waits], "REVOKED")
    assert settled(inner.id).outcome == "cancelled"
    assert outer.retry().count == 2


def test_an_error_in_one_batch_keeps_no_other_from_being_cancelled(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    bad, good = cancelled("bad", 1), cancelled("good", 2)
    doomed = Member.objects.get(batch=bad.id).job_id
    real = acting.cancel

    def cancel(job_id: str, **options: Any) -> Any:
        if job_id == doomed:
            raise NotAllowed("the broker is odd")
        return real(job_id, **options)

    monkeypatch.setattr("apps.batches.cancelling.acting.cancel", cancel)
    Cancelling().go_on()
    drain()
    assert (bad.counts(), good.counts()) == (Counts(total=1), Counts(total=2, cancelled=2))
    assert f"member {doomed} of batch {bad.id} can't be cancelled" in caplog.text


def test_batches_are_cancelled_in_turn_and_never_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    first, second = cancelled("first", 3), cancelled("second", 2)
    asked: list[str] = []
    monkeypatch.setattr("apps.batches.cancelling.acting.cancel", lambda job_id, **_: asked.append(job_id))
    monkeypatch.setattr("apps.batches.cancelling.PORTION", 1)
    cancelling = Cancelling()
    cancelling.go_on()
    assert batches_of(asked) == [first.id, second.id, first.id, second.id, first.id]
    clock = iter(range(100))  # each look at it is a second later
    monkeypatch.setattr("apps.batches.cancelling.PORTION", 50)
    monkeypatch.setattr("apps.batches.cancelling.ROUND_SECONDS", 2.5)
    monkeypatch.setattr("apps.batches.cancelling.monotonic", lambda: next(clock))
    asked.clear()
    Cancelling().go_on()
    assert batches_of(asked) == [first.id]


def test_a_batch_whose_creator_was_killed_is_cancelled(monkeypatch: pytest.MonkeyPatch) -> None:
    creator, other = submit_many(part_task, [[1], [2]])
    by_hand = open_batch("somebody else closes it")
    monkeypatch.setattr("apps.batches.handles.current_job_id", lambda: creator.id)
    handed_on = open_batch("handed on")
    killed, closed = open_batch("killed").__enter__(), open_batch("closed")
    with closed:
        monkeypatch.setattr("apps.batches.handles.current_job_id", lambda: other.id)
        taken = find_batch(handed_on.id).__enter__()
    assert cancel_orphans() == 0
    end([creator], "FAILURE")
    assert cancel_orphans() == 1
    assert killed.row().cancelled_why == "its creator ended"
    assert settled(killed.id).outcome == "cancelled"
    assert closed.row().cancelled_at is None
    assert (by_hand.row().closed_at, taken.row().closed_at) == (None, None)
    end([other])
    assert cancel_orphans() == 1
    assert taken.row().cancelled_at is not None
    assert cancel_orphans() == 0
