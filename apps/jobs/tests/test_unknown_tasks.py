"""A task that one worker doesn't know, as during a deployment, and workers that die of another's job."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import pytest
from celery import current_app
from celery.app.task import Context
from celery.exceptions import NotRegistered

from apps.jobs.models import DeadLetter, Job, JobKey
from apps.jobs.tests.dying import ADD, DELIVERY_LIMIT, TASKS, Mill, call, ended, job, letter, written
from apps.jobs.tests.making import job as make_job
from tests.vhosts import Vhost
from tests.waiting import RecorderProcess, WorkerProcess, wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]

TOGETHER = 4  # messages that the worker holds at once


@pytest.fixture(scope="module")
def mill(vhost: Vhost, django_db_setup: None) -> Mill:
    made = Mill(vhost, UNKNOWN_TASK_RETRY_SECONDS="4", CELERY_WORKER_PREFETCH_MULTIPLIER=str(TOGETHER))
    made.declare()
    return made


@pytest.fixture(autouse=True)
def recorder(mill: Mill, transactional_db: None) -> Iterator[RecorderProcess]:
    process = mill.recorder()
    process.start()
    yield process
    process.stop()


def test_a_task_that_the_next_worker_knows_runs_there(mill: Mill) -> None:
    parcel = call(f"{TASKS}.measure_task", "four")
    mill.publish(parcel)
    mill.refuse()
    worker = mill.worker()
    worker.start()
    done = ended(parcel.headers["id"])
    worker.stop()
    assert (done.state, done.result, done.attempts) == ("SUCCESS", 4, 1)
    assert not DeadLetter.objects.exists()


def test_a_task_that_no_worker_knows_ends_after_a_while(mill: Mill) -> None:
    parcel = call("no.such.task")
    mill.publish(parcel)
    mill.refuse()
    wait_until(lambda: Job.objects.filter(id=parcel.headers["id"], reason="sent_again").first())
    mill.refuse()
    done = ended(parcel.headers["id"])
    assert (done.state, done.reason) == ("FAILURE", "unknown_task")
    assert letter(job_id=done.id).headers["unknown_since"] > 0


def test_a_job_that_an_older_worker_has_failed_is_open_again(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    request = Context({**parcel.headers, "hostname": "old@test"})
    current_app.backend.mark_as_failure(parcel.headers["id"], NotRegistered(ADD), request=request)
    assert ended(parcel.headers["id"]).reason == "unknown_task"
    mill.publish(parcel)
    mill.refuse()
    assert job(id=parcel.headers["id"], reason="sent_again").state == "PENDING"
    assert current_app.backend.get_state(parcel.headers["id"]) == "PENDING"
    mill.refuse()
    assert ended(parcel.headers["id"]).reason == "unknown_task"


def test_one_whose_key_another_job_has_by_then_stays_ended(mill: Mill) -> None:
    parcel = call(ADD, 1, 2)
    request = Context({**parcel.headers, "hostname": "old@test"})
    current_app.backend.mark_as_failure(parcel.headers["id"], NotRegistered(ADD), request=request)
    assert ended(parcel.headers["id"]).reason == "unknown_task"
    Job.objects.update(key="alice")
    JobKey.objects.create(key="alice", job_id=make_job("STARTED", id="other").id)
    mill.publish(parcel)
    mill.refuse()
    assert "job other has its key" in letter(job_id=parcel.headers["id"], requeued_at=None).error
    assert ended(parcel.headers["id"]).state == "FAILURE"


def test_a_worker_that_dies_takes_no_innocent_job_with_it(mill: Mill) -> None:
    poison = call(f"{TASKS}.kill_worker_task")
    innocents = [call(ADD, number, 1) for number in range(12)]
    written(poison, *innocents)
    mill.publish(poison, *innocents)
    worker = mill.worker()
    supervise(worker, until=lambda: Job.objects.filter(state="SUCCESS").count() == len(innocents))
    jobs = [ended(parcel.headers["id"]) for parcel in innocents]
    worker.stop()
    assert [(one.state, one.result) for one in jobs] == [("SUCCESS", number + 1) for number in range(12)]
    done = ended(poison.headers["id"])
    assert (done.reason, done.attempts) == ("delivery_limit", DELIVERY_LIMIT + 1)
    assert list(DeadLetter.objects.filter(requeued_at=None).values_list("job_id", flat=True)) == [done.id]
    assert Job.objects.filter(resends__gt=0).count() > 0


def supervise(worker: WorkerProcess, *, until: Callable[[], bool]) -> None:
    """Starts it again as often as it dies, until all is done."""
    for _ in range(2 * DELIVERY_LIMIT + 2):
        with suppress(AssertionError):  # it died while we waited for it to be ready
            worker.start()
        process = worker.process
        assert process is not None
        wait_until(lambda: process.poll() is not None or until(), what="the worker to die or to be done")  # noqa: B023
        if process.poll() is None:
            return
