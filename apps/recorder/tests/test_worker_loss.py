"""Workers that die, freeze or can't be heard, and their jobs."""

import signal
from datetime import timedelta
from pathlib import Path

import pytest
from django.utils import timezone

from apps.jobs import submit, workers
from apps.jobs.models import Job
from apps.jobs.states import Reason
from apps.jobs.tests.lives import (
    beats_on,
    mended,
    outcomes,
    own_worker,
    purge,
    running,
    seen,
    started,
)
from apps.jobs.tests.loss_tasks import hold_task, later_task, lines
from tests.waiting import ended, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("sweeper")]


def test_a_killed_worker_is_shown_as_lost_and_its_jobs_end_elsewhere(tmp_path: Path) -> None:
    first, second = own_worker(), own_worker()
    with running(first):
        jobs = [submit(hold_task, kwargs={"place": str(tmp_path), "key": f"k{n}"}) for n in range(2)]
        for job in jobs:
            started(job.id)
        beats_on(first)
        assert [worker.running for worker in workers.living()] == [2]
        first.kill()
        wait_until(lambda: seen(first).lost_at, what="the worker to be lost")
        assert [worker.pid for worker in workers.lost()] == [first.pid]
        wait_until(lambda: all(Job.objects.get(id=job.id).reason == Reason.WORKER_LOST for job in jobs))
        with running(second):
            (tmp_path / "go").touch()
            assert [ended(job.id).state for job in jobs] == ["SUCCESS", "SUCCESS"]
        assert [outcomes(job.id) for job in jobs] == [["worker_lost", "success"]] * 2
    assert len(lines(tmp_path, "effects")) == 2


def test_a_try_that_died_unseen_is_closed_when_its_job_is_long_elsewhere(tmp_path: Path) -> None:
    first, second = own_worker(), own_worker()
    with running(first):
        job = submit(hold_task, kwargs={"place": str(tmp_path)})
        started(job.id)
        with running(second):
            first.kill()
            started(job.id, attempts=2)  # at once, before the first worker counts as lost
            (tmp_path / "go").touch()
            assert ended(job.id).state == "SUCCESS"
            wait_until(lambda: outcomes(job.id) == ["worker_lost", "success"], what="the first try's end")
            wait_until(lambda: mended("tries_closed")() == 1, what="what was mended to be counted")


def test_a_job_whose_message_was_purged_runs_and_the_one_that_runs_is_not_doubled(tmp_path: Path) -> None:
    worker = own_worker(concurrency=1)
    with running(worker):
        runs = submit(hold_task, kwargs={"place": str(tmp_path)})
        started(runs.id)
        waits = [submit(hold_task, kwargs={"place": str(tmp_path)}) for _ in range(3)]
        wait_until(lambda: Job.objects.filter(published_at__isnull=False).count() == 4, what="publishing")
        purge()
        wait_until(lambda: all(Job.objects.get(id=job.id).resends for job in waits), what="sending again")
        (tmp_path / "go").touch()
        assert {ended(job.id).state for job in [runs, *waits]} == {"SUCCESS"}
    assert [Job.objects.get(id=job.id).resends for job in [runs, *waits]] == [0, 1, 1, 1]
    assert len(lines(tmp_path, "starts")) == 4


@pytest.mark.parametrize(("way", "state"), [("retry", "RETRY"), ("snooze", "PENDING")])
def test_a_job_that_goes_on_later_tells_when(way: str, state: str, tmp_path: Path) -> None:
    with running(own_worker()):
        job = submit(later_task, kwargs={"place": str(tmp_path), "seconds": 3600, "way": way})
        found = wait_until(lambda: Job.objects.filter(id=job.id, state=state, due_at__isnull=False).first())
    assert timedelta(minutes=59) < found.due_at - timezone.now() <= timedelta(minutes=60)  # type: ignore[union-attr, operator]


def test_an_effect_happens_once_though_a_frozen_worker_wakes(tmp_path: Path) -> None:
    frozen, other = (own_worker(environment={"CELERY_BROKER_HEARTBEAT": "2"}) for _ in range(2))
    with running(frozen, other):
        job = submit(hold_task, kwargs={"place": str(tmp_path), "key": "once"})
        worker = started(job.id).worker
        if worker == seen(other).name:
            frozen, other = other, frozen
        frozen.signal_all(signal.SIGSTOP)
        wait_until(lambda: seen(frozen).lost_at, what="the frozen worker to be lost")
        started(job.id, attempts=2)
        (tmp_path / "go").touch()
        assert ended(job.id).state == "SUCCESS"
        frozen.signal_all(signal.SIGCONT)
        beats_on(frozen)
        assert seen(frozen).lost_at is None
        wait_until(lambda: "" not in outcomes(job.id), what="both tries to have ended")
    assert len(lines(tmp_path, "starts")) == 2
    assert len(lines(tmp_path, "effects")) == 1
