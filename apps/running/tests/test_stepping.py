"""Loops that stop between steps and go on, with real workers."""

import signal
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.gate.desired import publish
from apps.gate.pausing import pause, resume
from apps.jobs import acting, submit
from apps.jobs.models import Hold, Job
from apps.jobs.state import state_redis
from apps.jobs.tests.lives import running
from apps.running.cursors import forget
from apps.running.models import Cursor
from apps.running.tests import running_tasks as tasks
from apps.running.tests.running_tasks import noted
from tests.waiting import RecorderProcess, WorkerProcess, ended, wait_until

RECORDER = ("--only", "record", "--only", "relay", "--only", "holds", "--only", "sweep")


def a_worker() -> WorkerProcess:
    quick = {"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": "4"}
    return WorkerProcess("-I", "apps.running.tests.running_tasks", concurrency=1, environment=quick)


@pytest.fixture(scope="module")
def _workers(no_others: None) -> Iterator[WorkerProcess]:
    process = a_worker()
    with running(RecorderProcess(*RECORDER), process):
        yield process


@pytest.fixture(autouse=True)
def alive(_workers: WorkerProcess, transactional_db: None) -> WorkerProcess:
    publish()
    if _workers.process is None or _workers.process.poll() is not None:
        _workers.start()
    return _workers


def waiting(count: int = 6, at: int = 3) -> str:
    """A job that waits in the middle of its loop."""
    job = submit(tasks.walk_task, args=[count], kwargs={"pause_at": at})
    wait_until(lambda: noted("waits"), what="the middle of the loop")
    return job.id


def numbers(word: str = "step") -> list[int]:
    return [int(number) for number in noted(word)]


def test_after_a_kill_it_goes_on_from_the_last_checkpoint(alive: WorkerProcess) -> None:
    job_id = waiting()
    alive.kill()
    state_redis().set("test:go", 1)
    alive.start()
    found = ended(job_id)
    assert (found.state, found.attempts, found.result) == ("SUCCESS", 2, 4)
    assert numbers() == [1, 2, 3, 3, 4, 5, 6]  # the third was under way
    cursor = Cursor.objects.get(job_id=job_id)
    assert (cursor.value, cursor.done) == (6, 6)
    forget()
    assert not Cursor.objects.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGQUIT])
def test_at_a_deploy_it_stops_between_steps_and_another_worker_goes_on(
    alive: WorkerProcess, number: signal.Signals
) -> None:
    job_id = waiting()
    assert alive.process is not None
    other = a_worker()
    with running(other):
        said = len(alive.output())
        alive.process.send_signal(number)
        wait_until(lambda: "shutdown" in alive.output()[said:].lower(), what="the worker to hear")
        state_redis().set("test:go", 1)
        found = ended(job_id)
        assert (found.state, found.result) == ("SUCCESS", 3)
        assert numbers() == [1, 2, 3, 4, 5, 6]
        assert alive.process.wait(60) is not None
        other.stop()


def test_paused_it_is_held_and_resumed_it_goes_on() -> None:
    job_id = waiting()
    pause("task", tasks.walk_task.name, by="alice")
    began = timezone.now()
    wait_until(lambda: timezone.now() - began > timedelta(seconds=2), what="the pause to be followed")
    state_redis().set("test:go", 1)
    wait_until(lambda: Hold.objects.filter(job_id=job_id).exists(), what="it to be held")
    assert numbers() == [1, 2, 3]
    resume("task", tasks.walk_task.name)
    found = ended(job_id)
    assert (found.state, found.result, numbers()) == ("SUCCESS", 3, [1, 2, 3, 4, 5, 6])


def test_asked_to_end_it_ends_between_steps() -> None:
    job_id = waiting()
    assert acting.cancel(job_id, by="alice").outcome == "asked"
    asked_at = timezone.now()
    wait_until(lambda: timezone.now() - asked_at > timedelta(seconds=2), what="the process to hear")
    state_redis().set("test:go", 1)
    found = ended(job_id, 10)
    assert (found.state, found.note) == ("REVOKED", "asked to end by alice")
    assert numbers()[-1] < 6


def test_a_loop_of_ones_own_goes_on_too(alive: WorkerProcess) -> None:
    job = submit(tasks.points_task, args=[4])
    wait_until(lambda: Cursor.objects.filter(job_id=job.id, value=2).exists(), what="the second point")
    alive.kill()
    state_redis().set("test:go", 1)
    alive.start()
    found = ended(job.id)
    assert (found.state, found.result, numbers("point")) == ("SUCCESS", [3, 4], [1, 2, 3, 4])
    assert Job.objects.get(id=job.id).attempts == 2


def test_a_process_that_goes_on_when_told_to_go_takes_no_other_job_along() -> None:
    job = submit(tasks.surviving_task)
    wait_until(lambda: noted("surviving"), what="it to begin")
    acting.cancel(job.id)
    wait_until(lambda: noted("survived"), what="it to be told to go")
    assert ended(job.id).state == "REVOKED"
    found = ended(submit(tasks.dying_task).id)
    assert (found.state, found.attempts) == ("SUCCESS", 2)
    first, second = noted("dying")
    assert first == noted("survived")[0] != second
