"""Batches with real workers and a real recorder."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection

from apps.batches import Callback, find_batch, open_batch
from apps.batches.counting import Counts
from apps.batches.handles import BatchHandle
from apps.batches.models import Batch
from apps.batches.tests import sample_tasks as tasks
from apps.batches.tests.living import all_callbacks, called
from apps.batches.tests.sample_tasks import noted
from apps.jobs.models import Job
from apps.jobs.state import state_redis
from tests.faults.stage import running
from tests.waiting import RecorderProcess, WorkerProcess, wait_until

KNOWN = ("-I", "apps.batches.tests.sample_tasks")
RECORDER = ("--only", "record", "--only", "relay", "--only", "batches", "--only", "sweep")
QUICK = {"WORKER_LOST_SECONDS": "3"}


@pytest.fixture(scope="module")
def _processes(no_others: None) -> Iterator[tuple[RecorderProcess, WorkerProcess]]:
    recorder = RecorderProcess(*RECORDER, environment=QUICK)
    worker = WorkerProcess(*KNOWN, concurrency=4, environment=QUICK)
    with running(recorder, worker):
        yield recorder, worker


@pytest.fixture(autouse=True)
def recorder(
    _processes: tuple[RecorderProcess, WorkerProcess], transactional_db: None
) -> Iterator[RecorderProcess]:
    for process in _processes:
        process.ensure_alive()
    yield _processes[0]
    # The recorder writes jobs and members together: their tables can't be emptied meanwhile.
    wait_until(lambda: not Job.objects.filter(finished_at=None).exists(), what="callbacks to be recorded")


def finished(batch: BatchHandle) -> Batch:
    wait_until(lambda: batch.row().finished_at, what=f"batch {batch.id}, {batch.counts()}")
    return batch.row()


def ran(task: Any) -> int:
    return Job.objects.filter(task=task.name, state="SUCCESS").count()


def test_an_empty_batch_calls_back() -> None:
    with open_batch("nothing", on_success=Callback(tasks.told_task, {"word": "empty"})) as batch:
        pass
    assert finished(batch).outcome == "succeeded"
    wait_until(lambda: noted("told") == [f"empty {batch.id}"], what="the callback")


def test_a_thousand_members_in_one_call_and_told_at_once() -> None:
    with open_batch("thousand", **all_callbacks()) as batch:
        batch.add_many(tasks.part_task, [[number] for number in range(1000)])
    row = finished(batch)
    assert batch.counts() == Counts(total=1000, succeeded=1000)
    assert sorted(called(batch.id)) == ["finished", "success"]
    with connection.cursor() as cursor:
        cursor.execute("SELECT max(finished_at) FROM jobs_job JOIN batches_member ON job_id = id")
        (last,) = cursor.fetchone()
    assert row.finished_at is not None
    assert (row.finished_at - last).total_seconds() < 2  # with what it took to record the last one
    wait_until(lambda: len(noted("told")) == 2, what="the callbacks")


def test_members_add_members_and_batches() -> None:
    with open_batch("outer", **all_callbacks()) as batch:
        batch.add(tasks.spread_task, args=[20])
        batch.add(tasks.nest_task, args=[5])
    assert finished(batch).outcome == "succeeded"
    assert batch.counts() == Counts(total=27, succeeded=27)
    inner = Batch.objects.get(parent=batch.id)
    assert (inner.outcome, inner.total, inner.name) == ("succeeded", 5, "inner")
    assert Job.objects.get(id=inner.opener).task == tasks.nest_task.name
    assert inner.finished_at is not None
    assert inner.finished_at <= batch.row().finished_at  # type: ignore[operator]
    wait_until(lambda: len(noted("told")) == 3, what="the callbacks")


def test_a_failure_is_told_once_and_what_failed_runs_again() -> None:
    state_redis().mset({"broken:2": 1, "broken:4": 1})
    with open_batch("broken", **all_callbacks()) as batch:
        batch.add_many(tasks.part_task, [[number] for number in range(6)])
    assert finished(batch).outcome == "failed"
    assert batch.counts() == Counts(total=6, succeeded=4, failed=2)
    state_redis().delete("broken:2", "broken:4")
    assert batch.retry(by="alice").count == 2
    wait_until(lambda: batch.row().outcome == "succeeded", what="the second round")
    assert batch.counts() == Counts(total=6, succeeded=6)
    wait_until(lambda: len(noted("told")) == 4, what="the callbacks")
    told = [line.split()[0] for line in noted("told")]
    assert sorted(told) == ["failure", "finished", "finished", "success"]


def test_cancel_ends_what_waits_and_kills_what_runs() -> None:
    with open_batch("long", **all_callbacks()) as batch:
        with batch.open_batch("inner") as inner:
            inner.add_many(tasks.part_task, [[number] for number in range(3)], queue="report")
        batch.add_many(tasks.hold_task, [["never"]] * 300)
    wait_until(lambda: len(noted("holding")) >= 4, what="members to run")
    batch.cancel(by="alice", why="wrong file", kill=True)
    assert finished(batch).outcome == "cancelled"
    counts = batch.counts()
    assert (counts.total, counts.done) == (303, 303)
    assert counts.cancelled >= 300  # the inner ones may have been quicker
    assert inner.row().cancelled_at is not None
    notes = set(Job.objects.filter(task=tasks.hold_task.name).values_list("note", flat=True))
    assert notes == {f"cancelled by alice: batch {batch.id} was cancelled: wrong file"}
    assert called(batch.id) == ["finished"]
    wait_until(lambda: len(noted("told")) == 1, what="the callback")


@pytest.mark.faults
def test_a_killed_worker_and_failures_spoil_no_count(recorder: RecorderProcess) -> None:
    """One in five fails; a worker and a recorder are killed midway, and the recorder comes back."""
    doomed = WorkerProcess(*KNOWN, concurrency=4, environment=QUICK)
    with running(doomed):
        with open_batch("faults", **all_callbacks()) as batch:
            batch.add_many(tasks.hold_task, [["go"]] * 5)  # more than the other worker can take
            batch.add_many(tasks.fifth_fails_task, [[number, 0.02] for number in range(500)])
        wait_until(lambda: len(noted("holding")) == 5 and batch.counts().done >= 100, what="the middle")
        doomed.kill()
        recorder.kill()
    state_redis().set("go", 1)
    assert batch.row().finished_at is None
    recorder.log.write_text("")
    recorder.start()
    assert finished(batch).outcome == "failed"
    assert batch.counts() == Counts(total=505, succeeded=405, failed=100)
    assert find_batch(batch.id).row().round == 1
    wait_until(lambda: ran(tasks.told_task) == 2, what="the callbacks to be recorded")
    assert sorted(called(batch.id)) == ["failure", "finished"]
    assert sorted(line.split()[0] for line in noted("told")) == ["failure", "finished"]
    assert Job.objects.filter(task=tasks.hold_task.name, attempts__gt=1).exists()
