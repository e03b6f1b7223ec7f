"""The heartbeat itself: when a worker must be heard, and when it must not."""

import os
import signal
from pathlib import Path

import pytest

from apps.jobs import submit, workers
from apps.jobs.beats import Beat
from apps.jobs.tests.lives import (
    LOST_SECONDS,
    beats_on,
    own_recorder,
    own_worker,
    purge,
    row_of,
    running,
    seen,
    started,
)
from apps.jobs.tests.loss_tasks import hold_task, lines
from apps.recorder.watching import read_beats
from project.servers.rabbitmq import RabbitMQ
from project.servers.valkey import Valkey
from tests.waiting import DEADLINE_SECONDS, WorkerProcess, ended, wait_until

pytestmark = [pytest.mark.faults, pytest.mark.usefixtures("transactional_db", "no_others")]

SILENT = 2 * 2 * LOST_SECONDS  # heartbeats, two in a second, for twice as long as it takes to be lost
FROZEN_SECONDS = 20  # for these, on a slow machine


@pytest.fixture(autouse=True)
def empty_queues(no_others: None) -> None:
    purge()


def beat_of(worker: WorkerProcess) -> Beat | None:
    return next((beat for beat in read_beats().values() if beat.pid == worker.pid), None)


def beats_for(worker: WorkerProcess, times: int, within: float = DEADLINE_SECONDS) -> None:
    """Waits for more heartbeats, whether somebody copies them or not."""
    before = wait_until(lambda: beat_of(worker), what="a heartbeat")
    number = before.number + times  # type: ignore[union-attr]
    wait_until(lambda: beat_of(worker).number >= number, within, "heartbeats")  # type: ignore[union-attr]


def test_a_beat_names_the_worker_and_what_it_holds(tmp_path: Path) -> None:
    worker = own_worker("-Q", "data,email", concurrency=3)
    with running(worker):
        job = submit(hold_task, kwargs={"place": str(tmp_path)}, queue="data")
        wait_until(lambda: (beat := beat_of(worker)) and job.id in beat.held, what="the job to be held")
        beat = beat_of(worker)
        assert beat is not None
        assert (beat.queues, beat.concurrency, beat.whole) == (("data", "email"), 3, True)
        assert beat.instance.startswith(f"{beat.name}#")
        (tmp_path / "go").touch()
        wait_until(lambda: (beat := beat_of(worker)) and not beat.held, what="the job to be gone")


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_other_pools_beat_while_their_jobs_run(pool: str, tmp_path: Path) -> None:
    worker = own_worker("-P", pool)
    with running(worker):
        submit(hold_task, kwargs={"place": str(tmp_path)})
        wait_until(lambda: lines(tmp_path, "starts"), what="the job to run")
        beats_for(worker, 4)
        (tmp_path / "go").touch()
        worker.stop()
        assert beat_of(worker).stopped  # type: ignore[union-attr]


def test_a_worker_beats_until_its_last_job_has_ended_and_then_says_that_it_stopped(tmp_path: Path) -> None:
    worker = own_worker()
    with running(own_recorder(), worker):
        job = submit(hold_task, kwargs={"place": str(tmp_path)})
        started(job.id)
        worker.process.terminate()  # type: ignore[union-attr]
        beats_on(worker, SILENT)
        assert (seen(worker).lost_at, seen(worker).stopped_at) == (None, None)
        (tmp_path / "go").touch()
        assert ended(job.id).state == "SUCCESS"
        wait_until(lambda: row_of(worker).stopped_at, what="the row to say that it stopped")  # type: ignore[union-attr]
        assert workers.living() == []


def test_a_soft_stop_is_no_silence(tmp_path: Path) -> None:
    worker = own_worker(environment={"CELERY_WORKER_SOFT_SHUTDOWN_TIMEOUT": str(3 * LOST_SECONDS)})
    with running(worker):
        submit(hold_task, kwargs={"place": str(tmp_path)})
        wait_until(lambda: lines(tmp_path, "starts"), what="the job to run")
        os.kill(worker.pid, signal.SIGQUIT)
        beats_for(worker, SILENT)
        wait_until(lambda: beat_of(worker).stopped, what="the worker to say that it stopped")  # type: ignore[union-attr]


def test_a_worker_that_looks_for_its_broker_is_heard(own_rabbitmq: RabbitMQ) -> None:
    heartbeat = {"CELERY_BROKER_HEARTBEAT": "2"}
    worker = own_worker(environment={"CELERY_BROKER_URL": own_rabbitmq.url, **heartbeat})
    with running(worker):
        beats_for(worker, 1)
        own_rabbitmq.freeze()
        beats_for(worker, SILENT, FROZEN_SECONDS)
        own_rabbitmq.thaw()
        beats_for(worker, 4)
        before = worker.output().count("Connected to")
        own_rabbitmq.stop()
        beats_for(worker, SILENT)
        own_rabbitmq.restart()
        wait_until(lambda: worker.output().count("Connected to") > before, what="the worker to be back")
        own_rabbitmq.freeze()
        beats_for(worker, SILENT, FROZEN_SECONDS)
        own_rabbitmq.thaw()
        beats_for(worker, 4)


def test_a_worker_whose_main_process_hangs_falls_silent() -> None:
    worker = own_worker()
    with running(own_recorder(), worker):
        beats_on(worker)
        os.kill(worker.pid, signal.SIGSTOP)  # its pool goes on
        wait_until(lambda: seen(worker).lost_at, what="it to be lost")
        os.kill(worker.pid, signal.SIGCONT)
        wait_until(lambda: seen(worker).lost_at is None, what="it to be found again")


def test_a_frozen_recorder_finds_nobody_lost_when_it_wakes() -> None:
    worker, recorder = own_worker(), own_recorder()
    with running(recorder, worker):
        beats_on(worker)
        recorder.signal_all(signal.SIGSTOP)
        beats_for(worker, SILENT)
        recorder.signal_all(signal.SIGCONT)
        beats_on(worker, 4)
        assert "lost without a heartbeat" not in recorder.output()


def test_an_outage_of_redis_makes_no_worker_look_lost(valkey: Valkey) -> None:
    environment = {"REDIS_URL": valkey.url}
    worker, recorder = own_worker(environment=environment), own_recorder(**environment)

    def wait_for_outage(times: int) -> None:
        wait_until(lambda: recorder.output().count("nothing can be swept without Redis") >= times)

    with running(recorder, worker):
        beats_on(worker)
        valkey.stop()
        wait_for_outage(SILENT)
        valkey.restart()
        beats_on(worker, 8)
        valkey.freeze()
        wait_for_outage(SILENT + 2)
        valkey.thaw()
        beats_on(worker, 8)
        assert "lost without a heartbeat" not in recorder.output()
