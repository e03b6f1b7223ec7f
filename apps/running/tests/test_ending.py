"""Ending and looking into jobs that run, with a real worker."""

import os
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from celery.exceptions import TaskRevokedError
from celery.result import AsyncResult
from django.utils import timezone

from apps.jobs import acting, progress, submit
from apps.jobs.models import Attempt, Job
from apps.jobs.state import state_redis
from apps.jobs.stream.names import tries_key
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.tests.lives import running
from apps.running import stacks
from apps.running.asking import remind, wish_of
from apps.running.tests import running_tasks as tasks
from apps.running.tests.running_tasks import noted
from apps.running.trees import cancel_tree
from tests.waiting import RecorderProcess, WorkerProcess, ended, wait_until

LATER = timedelta(minutes=10)
RECORDER = ("--only", "record", "--only", "relay", "--only", "sweep")


@pytest.fixture(scope="module")
def _workers(no_others: None) -> Iterator[WorkerProcess]:
    process = WorkerProcess("-I", "apps.running.tests.running_tasks", concurrency=2)
    with running(RecorderProcess(*RECORDER), process):
        yield process


@pytest.fixture(autouse=True)
def alive(_workers: WorkerProcess, transactional_db: None) -> WorkerProcess:
    _workers.ensure_alive()
    return _workers


def begun(task: Any, word: str, *args: Any) -> tuple[str, int]:
    """A job that runs, as the ledger knows: its id and its process."""
    job = submit(task, args=args)
    wait_until(lambda: noted(word), what=f"{word} to begin")
    wait_until(lambda: Job.objects.filter(id=job.id, state="STARTED").exists(), what="the ledger to know")
    return job.id, int(noted(word)[0])


def lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def start_again(worker: WorkerProcess) -> None:
    """And wait until it has refused what comes back, while Redis still knows why."""
    worker.start()
    assert ended(submit(tasks.quick_task).id).state == "SUCCESS"


def test_a_job_that_asks_ends_by_itself() -> None:
    job_id, pid = begun(tasks.asking_task, "asking")
    result = acting.cancel(job_id, by="alice", why="wrong customer")
    assert (result.outcome, result.state, result.done) == ("asked", "STARTED", False)
    assert result.text == "a worker runs it: it is asked to end, and killed after 30 s unless in a thread"
    wish: Any = wish_of(job_id)
    assert (wish.note, (wish.kill_at - wish.asked_at).total_seconds()) == (
        "asked to end by alice: wrong customer", 30.0,
    )  # fmt: skip
    found = ended(job_id, 10)
    assert (found.state, found.reason, found.note) == ("REVOKED", "cancelled", wish.note)
    with pytest.raises(TaskRevokedError):
        AsyncResult(job_id).get(timeout=5)
    assert lives(pid), "its process had to go"
    assert [tried.outcome for tried in Attempt.objects.filter(job_id=job_id)] == ["revoked"]
    assert wish_of(job_id) is None


def test_a_job_that_does_not_ask_is_killed_and_no_other(alive: WorkerProcess) -> None:
    deaf, deaf_pid = begun(tasks.deaf_task, "deaf")
    other, other_pid = begun(tasks.patient_task, "patient", "test:go")
    asked_at = timezone.now()
    assert "killed after 1 s" in acting.cancel(deaf).text
    assert acting.cancel(deaf, by="bob").text == "asked to end already"
    found = ended(deaf, 10)
    assert (found.state, found.note) == ("REVOKED", "asked to end")
    assert found.finished is not None
    assert 1 <= (found.finished - asked_at).total_seconds() < 5
    wait_until(lambda: not lives(deaf_pid), what="its process to go")
    assert ended(submit(tasks.quick_task).id).state == "SUCCESS"  # in the process that came instead
    state_redis().set("test:go", 1)
    assert (ended(other).state, lives(other_pid)) == ("SUCCESS", True)
    assert set(Job.objects.values_list("attempts", flat=True)) == {1}
    assert noted("deaf") == [str(deaf_pid)]
    alive.ensure_alive()


def test_what_does_not_go_when_told_is_killed_for_good() -> None:
    job_id, pid = begun(tasks.stubborn_task, "stubborn")
    acting.cancel(job_id)
    assert ended(job_id, 10).state == "REVOKED"
    wait_until(lambda: not lives(pid), 20, "its process to go")
    assert ended(submit(tasks.quick_task).id).state == "SUCCESS"
    assert noted("stubborn") == [str(pid)]


def test_a_wish_outlives_the_workers_and_redis(alive: WorkerProcess) -> None:
    job_id, _pid = begun(tasks.deaf_task, "deaf")
    alive.kill()
    assert acting.cancel(job_id, by="alice").outcome == "asked"
    stream_redis().hdel(tries_key(job_id), "c")
    remind()
    alive.start()
    found = ended(job_id)
    assert (found.state, found.attempts, found.note) == ("REVOKED", 1, "asked to end by alice")
    assert len(noted("deaf")) == 1


def test_a_tree_is_cancelled_with_all_below() -> None:
    top, _pid = begun(tasks.asking_task, "asking")
    children = [submit(tasks.quick_task, delay=LATER).id for _ in range(3)]
    for child, parent in zip(children, [top, top, children[0]], strict=True):
        Job.objects.filter(id=child).update(parent=parent)
    other = submit(tasks.quick_task, delay=LATER)
    found = cancel_tree(top, by="alice")
    assert [result.outcome for result in found] == ["asked", "cancelled", "cancelled", "cancelled"]
    assert ended(top, 10).state == "REVOKED"
    assert Job.objects.get(id=other.id).state == "PENDING"
    acting.cancel(other.id)


def test_the_stack_says_where_a_job_is() -> None:
    job_id, pid = begun(tasks.deaf_task, "deaf")
    asked_at = timezone.now()
    found = stacks.look(job_id)
    assert (timezone.now() - asked_at).total_seconds() < 3
    assert (found.pid, found.why) == (pid, "")
    assert 'in stand_here\n    wait_for("test:never")' in found.text
    acting.cancel(job_id, force=True)
    ended(job_id)
    assert stacks.look(job_id).why == "The job doesn't run: it is REVOKED."


def test_the_stack_of_a_job_whose_worker_is_gone_is_not_waited_for_long(alive: WorkerProcess) -> None:
    job_id, _pid = begun(tasks.deaf_task, "deaf")
    alive.kill()
    assert "No worker answered within 3 s" in stacks.look(job_id).why
    acting.cancel(job_id, force=True)
    start_again(alive)


def test_what_runs_in_a_thread_goes_on_and_the_log_says_so(alive: WorkerProcess) -> None:
    alive.kill()
    threads = WorkerProcess("-I", "apps.running.tests.running_tasks", "--pool", "threads")
    with running(threads):
        job_id, pid = begun(tasks.deaf_task, "deaf")
        assert "in stand_here" in stacks.look(job_id).text
        acting.cancel(job_id)
        wait_until(lambda: "a thread can't be killed" in threads.output(), 20, "the worker to say so")
        assert (pid, Job.objects.get(id=job_id).state) == (threads.pid, "STARTED")
        assert acting.cancel(job_id, force=True).state == "REVOKED"
    start_again(alive)


def test_progress_is_written_now_and_then_and_at_the_end() -> None:
    job = submit(tasks.tracking_task, args=[1500])
    assert ended(job.id).state == "SUCCESS"
    said = progress.read(job.id)
    assert said is not None
    assert (said.done, said.total, said.message) == (1500, 1500, "rows")
