"""Batches in the ledger: members, counts, rounds and callbacks, without a worker."""

from typing import Any

import pytest

from apps.batches import Callback, find_batch, open_batch
from apps.batches.acting import tasks_of
from apps.batches.cancelling import Cancelling
from apps.batches.counting import Counts
from apps.batches.errors import BatchClosed, UnknownBatch
from apps.batches.models import Batch, Member
from apps.batches.noting import look_again
from apps.batches.tests.living import all_callbacks, called, end, settled
from apps.batches.tests.sample_tasks import other_name_task, part_task, told_task
from apps.jobs import Call, duties
from apps.jobs.errors import ArgumentError
from apps.jobs.models import Event, Job
from apps.jobs.states import State
from apps.jobs.tests.ledger import backend, drain, own_stream  # noqa: F401 - a fixture
from apps.jobs.tests.stages import started

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stream")]

TOLD = str(told_task.name)


def numbers(count: int) -> list[list[int]]:
    return [[number] for number in range(count)]


def opened(count: int, name: str = "import") -> tuple[Any, list[Job]]:
    with open_batch(name, **all_callbacks()) as batch:
        jobs = batch.add_many(part_task, numbers(count))
    return batch, jobs


def test_an_empty_batch_succeeds() -> None:
    batch, _ = opened(0)
    row = settled(batch.id)
    assert (row.outcome, row.total, row.failed_at) == ("succeeded", 0, None)
    assert sorted(called(batch.id)) == ["finished", "success"]
    assert batch.counts() == Counts()
    assert batch.counts().percent == 100


def test_it_finishes_when_it_is_closed_and_all_have_ended() -> None:
    batch = open_batch("import", **all_callbacks())
    jobs = batch.add_many(part_task, numbers(3))
    end(jobs[:2])
    assert batch.counts() == Counts(total=3, succeeded=2)
    assert batch.counts().percent == 66
    end(jobs[2:])
    assert settled(batch.id).finished_at is None
    assert called(batch.id) == []
    batch.close()
    batch.close()
    assert settled(batch.id).outcome == "succeeded"
    assert settled(batch.id).closed_at is not None
    assert sorted(called(batch.id)) == ["finished", "success"]
    facts = Event.objects.get(topic="batch.finished").facts
    assert (facts["batch"], facts["outcome"], facts["succeeded"]) == (batch.id, "succeeded", 3)


def test_the_first_failure_is_told_once_and_at_once() -> None:
    batch, jobs = opened(3)
    end(jobs[:1], "FAILURE")
    assert settled(batch.id).failed_at is not None
    assert called(batch.id) == ["failure"]
    end(jobs[1:2], "FAILURE")
    settled(batch.id)
    end(jobs[2:])
    assert settled(batch.id).outcome == "failed"
    assert sorted(called(batch.id)) == ["failure", "finished"]
    assert batch.counts() == Counts(total=3, succeeded=1, failed=2)
    facts = Event.objects.get(topic="batch.failed").facts
    assert (facts["job"], facts["task"], facts["error"]) == (jobs[0].id, part_task.name, "ValueError: no")


def test_what_is_recorded_twice_counts_once() -> None:
    batch, (job, other) = opened(2)
    request = started(job)
    backend().mark_as_done(job.id, 3, request)
    backend().mark_as_done(job.id, 3, request)
    drain()
    backend().mark_as_failure(job.id, ValueError("late"), request=request)
    drain()
    assert batch.counts() == Counts(total=2, succeeded=1)
    end([other], "RETRY")
    assert batch.counts() == Counts(total=2, succeeded=1)


def test_an_expired_member_has_failed_and_a_cancelled_one_has_not() -> None:
    batch, (first, second) = opened(2)
    end([first], "REVOKED")
    assert settled(batch.id).failed_at is None
    end([second])
    assert settled(batch.id).outcome == "cancelled"
    assert called(batch.id) == ["finished"]
    late, (job,) = opened(1)
    backend().mark_as_revoked(job.id, "expired", started(job))
    drain()
    assert settled(late.id).outcome == "failed"
    assert late.counts() == Counts(total=1, failed=1)


def test_failed_members_run_again_in_the_same_batch() -> None:
    batch, jobs = opened(4)
    end(jobs[:2], "FAILURE")
    end(jobs[2:])
    settled(batch.id)
    assert tasks_of(batch.id) == [part_task.name]
    assert batch.retry("alice").count == 2
    row = settled(batch.id)
    assert (row.round, row.finished_at, row.failed_at, row.outcome) == (2, None, None, "")
    assert batch.counts() == Counts(total=4, succeeded=2)
    new = list(Job.objects.filter(retry_of__in=[job.id for job in jobs]))
    assert {(job.submitter, job.state) for job in new} == {("alice", State.PENDING)}
    end(new)
    assert settled(batch.id).outcome == "succeeded"
    assert batch.counts() == Counts(total=4, succeeded=4)
    assert sorted(called(batch.id)) == ["failure", "finished", "finished", "success"]
    assert batch.retry().count == 0
    assert settled(batch.id).round == 2


def test_what_can_not_run_again_is_told_and_stays_failed() -> None:
    batch, (job,) = opened(1)
    end([job], "FAILURE")
    settled(batch.id)
    Job.objects.all().delete()
    result = batch.retry()
    assert (result.count, result.refused) == (0, {job.id: "its job is no longer kept"})
    assert settled(batch.id).outcome == "failed"


def test_a_member_whose_message_is_sent_again_opens_the_batch() -> None:
    batch, (job,) = opened(1)
    end([job], "FAILURE")
    assert settled(batch.id).outcome == "failed"
    backend().reopen(job.id, "PENDING", "{}")
    drain()
    assert settled(batch.id).finished_at is None
    assert batch.counts() == Counts(total=1)
    end([job])
    assert settled(batch.id).outcome == "succeeded"
    assert sorted(called(batch.id)) == ["failure", "finished", "finished", "success"]


def test_a_batch_finishes_after_those_in_it() -> None:
    with open_batch("outer", **all_callbacks()) as outer:
        outer_jobs = outer.add_many(part_task, numbers(1))
        with outer.open_batch("inner", **all_callbacks()) as inner:
            jobs = inner.add_many(part_task, numbers(2))
    end(outer_jobs)
    assert settled(outer.id).finished_at is None
    assert outer.counts() == Counts(total=3, succeeded=1)
    end(jobs[:1], "FAILURE")
    settled(outer.id)
    assert (called(inner.id), called(outer.id)) == (["failure"], ["failure"])
    end(jobs[1:])
    assert settled(outer.id).outcome == settled(inner.id).outcome == "failed"
    assert outer.counts() == Counts(total=3, succeeded=2, failed=1)
    assert inner.retry().count == 1
    assert (settled(outer.id).finished_at, settled(outer.id).round) == (None, 2)
    end(Job.objects.filter(retry_of=jobs[0].id))
    assert settled(outer.id).outcome == settled(inner.id).outcome == "succeeded"
    assert sorted(called(outer.id)) == ["failure", "finished", "finished", "success"]


def test_members_and_jobs_are_one_transaction() -> None:
    batch = open_batch("import")
    calls: list[list[Any]] = [[1], [2], ["three"]]
    with pytest.raises(ArgumentError) as caught:
        batch.add_many(part_task, calls)
    assert list(caught.value.problems) == ["calls.2.number"]
    with pytest.raises(ArgumentError) as caught:
        batch.add(part_task, kwargs={"nmber": 1})
    assert list(caught.value.problems) == ["nmber"]
    assert not Member.objects.exists()
    job = batch.add(part_task, kwargs={"number": 1}, tags=["one"])
    chain = batch.add_chain([(part_task.name, Call([1])), (part_task.name, Call())])
    assert {member.job_id for member in Member.objects.all()} == {job.id, *(step.id for step in chain)}


def test_portions_are_numbered_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.batches.adding.PORTION", 2)
    batch = open_batch("import")
    assert len(batch.add_many(part_task, numbers(5))) == 5
    with pytest.raises(ArgumentError) as caught:
        batch.add_many(part_task, [*numbers(3), ["four"]])
    assert list(caught.value.problems) == ["calls.3.number"]
    assert batch.counts().total == 5


def test_a_closed_batch_takes_no_more() -> None:
    batch, _ = opened(1)
    with pytest.raises(BatchClosed, match="only its own jobs"):
        batch.add(part_task)
    with pytest.raises(BatchClosed, match="only its own jobs"):
        batch.open_batch("inner")
    batch.cancel()
    with pytest.raises(BatchClosed, match="was cancelled"):
        batch.add(part_task)
    with pytest.raises(BatchClosed, match="is being cancelled"):
        batch.retry()
    empty, _ = opened(0)
    settled(empty.id)
    with pytest.raises(BatchClosed, match="has finished"):
        empty.add(part_task)
    for unknown in (0, -1, 2**70, "1"):
        with pytest.raises(UnknownBatch):
            find_batch(unknown)  # type: ignore[arg-type]


def test_a_batch_whose_creator_fails_is_cancelled() -> None:
    batch = open_batch("import")
    with pytest.raises(ZeroDivisionError), batch:
        raise ZeroDivisionError
    row = batch.row()
    assert row.cancelled_at is not None
    assert row.cancelled_why == "its creator failed: ZeroDivisionError"


@pytest.mark.parametrize(
    ("callbacks", "problem"),
    [
        ({"on_success": "nothing"}, "on_success.task"),
        ({"on_success": 5}, "on_success.task"),
        ({"on_sucess": TOLD}, "on_sucess"),
        ({"on_failure": Callback(told_task, {"wrd": 1})}, "on_failure.wrd"),
        ({"on_failure": Callback(told_task, {"word": 1})}, "on_failure.word"),
        ({"on_finished": Callback(told_task, {"batch_id": 1})}, "on_finished.kwargs.batch_id"),
        ({"on_finished": other_name_task}, "on_finished.batch_id"),
        ({"on_finished": Callback(told_task, queue="nowhere")}, "on_finished.queue"),
        ({"on_finished": Callback(told_task, priority=10)}, "on_finished.priority"),
        (
            {"on_finished": Callback(other_name_task, {"password": "x"}, batch="which")},
            "on_finished.password",
        ),
    ],
)
def test_callbacks_are_checked_when_a_batch_is_opened(callbacks: Any, problem: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        open_batch("import", **callbacks)
    assert problem in caught.value.problems
    assert not Batch.objects.exists()
    with pytest.raises(ArgumentError, match="name"):
        open_batch("x" * 201)


def test_a_callback_that_the_recorder_does_not_know_is_handed_in() -> None:
    with open_batch("import", on_finished=Callback(other_name_task, batch="which")) as batch:
        pass
    row = batch.row()
    changed = {**row.callbacks["on_finished"], "options": {"queue": "gone"}}
    row.callbacks |= {"on_success": {**changed, "task": "of.a.newer.release"}}
    row.callbacks["on_finished"] = {**changed, "kwargs": {"renamed": 1}}
    row.save()
    assert settled(batch.id).outcome == "succeeded"
    found = dict(Job.objects.values_list("task", "kwargs"))
    assert found == {
        "of.a.newer.release": {"which": batch.id},
        other_name_task.name: {"which": batch.id, "renamed": 1},
    }


def test_a_look_finds_what_nobody_told() -> None:
    batch, (ended, deleted, _) = opened(3)
    end([ended])
    Member.objects.update(state="")  # as if a recorder without batches had written it
    Job.objects.filter(id=deleted.id).delete()
    assert look_again() == 1
    assert batch.counts() == Counts(total=3, succeeded=1, cancelled=1)
    assert look_again() == 0


def break_down(ids: list[str]) -> None:
    Job.objects.filter(id__in=ids).update(queue=None)


def test_who_can_not_follow_keeps_nothing_from_the_ledger(monkeypatch: pytest.MonkeyPatch) -> None:
    batch, jobs = opened(1)
    monkeypatch.setattr(duties, "FOLLOWING", {"odd": f"{__name__}.break_down", **duties.FOLLOWING})
    end(jobs)
    assert Job.objects.get(id=jobs[0].id).state == State.SUCCESS
    assert batch.counts() == Counts(total=1, succeeded=1)
    with pytest.raises(ValueError, match="follows already"):
        duties.follow("odd", "another.one")


def test_cancel_reaches_what_waits_and_the_batches_inside(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.batches.cancelling.PORTION", 2)
    with open_batch("outer", **all_callbacks()) as outer:
        running, *_ = outer.add_many(part_task, numbers(6))
        inner = outer.open_batch("inner")
        inner.add_many(part_task, numbers(3))
    request = started(running)
    drain()
    outer.cancel(by="alice", why="enough")
    cancelling = Cancelling()
    cancelling.go_on()
    drain()
    assert outer.counts() == Counts(total=9, cancelled=8)
    assert settled(inner.id).outcome == "cancelled"
    assert settled(outer.id).finished_at is None
    Cancelling().go_on()  # as a recorder does that has just begun
    backend().mark_as_done(running.id, 1, request)
    drain()
    assert settled(outer.id).outcome == "cancelled"
    assert outer.counts() == Counts(total=9, succeeded=1, cancelled=8)
    assert called(outer.id) == ["finished"]
    assert outer.retry().count == 0
    assert outer.retry(cancelled=True).count == 8
    assert (settled(outer.id).cancelled_at, settled(inner.id).round) == (None, 2)
    notes = set(Job.objects.filter(state=State.REVOKED).values_list("note", flat=True))
    assert f"cancelled by alice: batch {outer.id} was cancelled: enough" in notes
