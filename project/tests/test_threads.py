"""A worker of the profile io, whose jobs are threads: all that other workers do, on the real broker."""

import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.gate.tests.limited_tasks import noted, one_at_once_task
from apps.jobs import joblog, progress, submit, submit_many
from apps.jobs.models import Job
from apps.jobs.tests.acting_tasks import talk_task
from apps.jobs.tests.ledger_tasks import fail_task, nap_task
from apps.jobs.tests.lives import DUTIES, QUICK, outcomes, purge, running, started
from apps.jobs.tests.loss_tasks import hold_task, lines
from apps.jobs.tests.sample_tasks import count_task, stumble_task
from project.servers.processes import family
from tests.waiting import OwnProcess, RecorderProcess, ended, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("transactional_db", "no_others")]

QUEUE = "email"
SOFT_SECONDS = 2
KNOWN = ",".join(
    f"apps.{name}"
    for name in (
        "jobs.tests.sample_tasks", "jobs.tests.loss_tasks", "jobs.tests.ledger_tasks",
        "jobs.tests.acting_tasks", "gate.tests.limited_tasks",
    )
)  # fmt: skip


def worker_of_threads(name: str) -> OwnProcess:
    argv = [sys.executable, "manage.py", "worker", "io", "-c", "4", "-n", f"{name}@%h", "-I", KNOWN]
    soft = {"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": str(SOFT_SECONDS)}
    return OwnProcess(argv, " ready.", QUICK | soft)


@pytest.fixture(scope="module")
def _recorder(no_others: None) -> Iterator[None]:
    with running(RecorderProcess(*DUTIES, "--only", "holds", environment=QUICK)):
        yield


@pytest.fixture(autouse=True)
def recorder(_recorder: None, transactional_db: None) -> None:
    purge()


def result(job: Job) -> Any:
    return ended(job.id).result


def test_threads_run_jobs_as_processes_do(tmp_path: Path) -> None:
    worker = worker_of_threads("threads")
    with running(worker):
        held = submit_many(hold_task, [{"place": str(tmp_path)}] * 3, queue=QUEUE)
        wait_until(lambda: len(lines(tmp_path, "starts")) == 3, what="three at once")
        assert len(family(worker.pid)) == 1, "there is one process"
        talks = submit_many(talk_task, [[[f"job {number}"]] for number in range(5)], queue=QUEUE)
        counted = submit(count_task, args=[3], queue=QUEUE)
        again = submit(stumble_task, args=[2], queue=QUEUE)
        napping = submit(nap_task, args=["threads", 1], queue=QUEUE)
        failed = submit(fail_task, args=["permanent"], queue=QUEUE)
        (tmp_path / "go").touch()
        alone = [submit(one_at_once_task, args=["ann", mark], queue=QUEUE) for mark in range(3)]

        assert [result(job) for job in held] == ["held"] * 3
        assert (result(again), outcomes(again.id)) == (QUEUE, ["retry", "retry", "success"])
        assert (result(napping), outcomes(napping.id)) == (2, ["snoozed", "success"])
        found = ended(failed.id)
        assert (found.state, "no such user" in str(found.error)) == ("FAILURE", True)
        assert result(counted) == {"counted": 3}
        assert progress.read(counted.id).percent == 100  # type: ignore[union-attr]
        for number, job in enumerate(talks):
            ended(job.id)
            told = wait_until(lambda: [line.message for line in joblog.read(job.id)], what="its lines")  # noqa: B023
            assert told == [f"job {number}"]
        for job in alone:
            ended(job.id)
        assert sorted(noted("begun:ann")) == sorted(noted("ended:ann")) == ["0", "1", "2"]


def test_a_killed_worker_of_threads_loses_no_job(tmp_path: Path) -> None:
    first, second = worker_of_threads("first"), worker_of_threads("second")
    with running(first):
        jobs = submit_many(
            hold_task, [{"place": str(tmp_path), "key": f"{n}"} for n in range(3)], queue=QUEUE
        )
        for job in jobs:
            started(job.id)
        first.kill()
        (tmp_path / "go").touch()
        with running(second):
            assert [result(job) for job in jobs] == ["held"] * 3
    lost = [["worker_lost", "success"]] * 3
    wait_until(lambda: [outcomes(job.id) for job in jobs] == lost, what="the first tries to be closed")
    assert len(lines(tmp_path, "effects")) == 3


def test_a_stopped_worker_of_threads_gives_back_what_is_not_done(tmp_path: Path) -> None:
    short, long = tmp_path / "short", tmp_path / "long"
    short.mkdir()
    long.mkdir()
    first, second = worker_of_threads("stopped"), worker_of_threads("next")
    with running(first):
        jobs = [submit(hold_task, kwargs={"place": str(place)}, queue=QUEUE) for place in (short, long)]
        for job in jobs:
            started(job.id)
        assert first.process is not None
        first.process.send_signal(signal.SIGTERM)
        (short / "go").touch()
        began = time.monotonic()
        first.process.wait(30)
        assert time.monotonic() - began < SOFT_SECONDS + 15
        assert ended(jobs[0].id).state == "SUCCESS"
        (long / "go").touch()
        with running(second):
            assert result(jobs[1]) == "held"
    assert len(lines(short, "starts")) == 1
