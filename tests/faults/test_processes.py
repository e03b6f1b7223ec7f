"""Processes that are killed while they have something in hand."""

import os
import signal
from pathlib import Path

import psutil
import psycopg
import pytest

from apps.jobs.tests.loss_tasks import lines
from tests.faults.ledger import Ledger
from tests.faults.stage import Stage, calls, frozen, running
from tests.waiting import wait_until

pytestmark = pytest.mark.faults

HOLD = "apps.jobs.tests.loss_tasks.hold_task"
QUEUE = "report"


def held(stage: Stage, place: Path, count: int) -> list[str]:
    calls = [{"place": str(place), "key": f"{place}-{number}"} for number in range(count)]
    ids = stage.web.submit(*calls, task=HOLD, options={"queue": QUEUE}, how="many")
    wait_until(lambda: stage.ledger.running(ids) == count, what=f"{count} jobs to run")
    return ids


def lives(process: psutil.Process) -> bool:
    return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)


def test_twenty_jobs_of_a_killed_worker_end_elsewhere(stage: Stage, ledger: Ledger, place: Path) -> None:
    killed, other = stage.new_worker(QUEUE, 20), stage.new_worker(QUEUE)
    with running(killed):
        ids = held(stage, place, 20)
        killed.kill()
        (place / "go").touch()
        with running(other):
            assert ledger.ended(ids) == ["SUCCESS"] * 20
    assert [ledger.outcomes(job_id) for job_id in ids] == [["worker_lost", "success"]] * 20
    assert (len(lines(place, "starts")), len(lines(place, "effects"))) == (40, 20)
    assert ledger.disagreements(ids) == {}


def test_children_of_a_killed_main_process_double_no_effect(
    stage: Stage, ledger: Ledger, place: Path
) -> None:
    killed, other = stage.new_worker(QUEUE), stage.new_worker(QUEUE)
    with running(killed):
        ids = held(stage, place, 4)
        children = psutil.Process(killed.pid).children(recursive=True)
        os.kill(killed.pid, signal.SIGKILL)
        with running(other):
            wait_until(lambda: len(lines(place, "starts")) == 8, what="the jobs to start again")
            (place / "go").touch()
            assert ledger.ended(ids) == ["SUCCESS"] * 4
            wait_until(lambda: not any(lives(child) for child in children), what="the orphans to end")
    assert len(lines(place, "effects")) == 4
    assert ledger.disagreements(ids) == {}


def test_a_killed_pool_child_costs_its_own_job_a_try_and_no_other(
    stage: Stage, ledger: Ledger, place: Path
) -> None:
    worker = stage.new_worker(QUEUE)
    with running(worker):
        ids = held(stage, place, 4)
        child = wait_until(lambda: psutil.Process(worker.pid).children()[:1], what="a pool child")
        child[0].kill()
        wait_until(lambda: len(lines(place, "starts")) == 5, what="the job to start again")
        (place / "go").touch()
        assert ledger.ended(ids) == ["SUCCESS"] * 4
    tries = sorted(ledger.outcomes(job_id) for job_id in ids)
    assert tries == [["success"]] * 3 + [["worker_lost", "success"]]
    assert len(lines(place, "effects")) == 4


def test_a_recorder_killed_in_the_middle_of_a_batch_loses_none_of_it(stage: Stage, ledger: Ledger) -> None:
    other = stage.new_recorder()
    with psycopg.connect(stage.postgres.url) as lock:
        lock.execute("LOCK TABLE jobs_attempt IN SHARE ROW EXCLUSIVE MODE")  # its transaction stops there
        with frozen(stage.recorder):
            ids = stage.web.submit(*calls("batch", 40), how="many")
            wait_until(lambda: stage.waiting() >= 2 * len(ids) <= 2 * ledger.starts(ids), what="a batch")
        wait_until(lambda: stage.pending() >= 2 * len(ids), what="the recorder to have it in hand")
        stage.recorder.kill()
    assert stage.pending() >= 2 * len(ids)
    with running(other):
        wait_until(lambda: stage.pending() == stage.waiting() == 0, what="another to take it over")
        ledger.check_success(ids)
    assert [ledger.outcomes(job_id) for job_id in ids] == [["success"]] * 40


def test_jobs_of_a_web_process_that_died_between_commit_and_publish_run(stage: Stage, ledger: Ledger) -> None:
    names = [f"orphan-{number}" for number in range(20)]
    assert stage.web.ask([{"name": name} for name in names], how="die") == {"died": 9}
    ids = [row[0] for row in ledger.rows("SELECT id FROM jobs_job WHERE kwargs->>'name' = ANY(%s)", names)]
    assert len(ids) == 20
    assert ledger.ended(ids) == ["SUCCESS"] * 20
    assert ledger.effects(names) == [1] * 20
    assert ledger.starts(ids) == 20
