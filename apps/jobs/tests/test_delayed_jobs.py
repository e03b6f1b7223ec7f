"""Delayed jobs with a real worker: they wait in the broker, not in the worker."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from celery.result import AsyncResult
from django.conf import settings

from apps.jobs.tests.sample_tasks import add_task
from project.broker import declare
from tests.messages import count, link
from tests.vhosts import Vhost
from tests.waiting import WorkerProcess, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

CONCURRENCY = 2


@pytest.fixture(scope="module")
def connection(vhost: Vhost) -> Iterator[Any]:
    with link(vhost) as connection:
        declare(connection, settings.CELERY_TASK_QUEUES)
        yield connection


@pytest.fixture(scope="module")
def early(connection: Any) -> AsyncResult[int]:
    """Sent with a delay when no worker had ever been there."""
    return send(connection, countdown=2)


@pytest.fixture(scope="module")
def worker(vhost: Vhost, early: AsyncResult[int], django_db_setup: None) -> Iterator[WorkerProcess]:
    process = WorkerProcess(
        concurrency=CONCURRENCY,
        environment={"CELERY_BROKER_URL": vhost.url, "CELERY_WORKER_LOG_RECEIVED": "true"},
    )
    process.start()
    yield process
    process.stop()


def send(connection: Any, **options: Any) -> AsyncResult[int]:
    return add_task.s(2, 3).apply_async(connection=connection, **options)


def test_a_job_delayed_before_the_first_worker_came_is_run(
    worker: WorkerProcess, early: AsyncResult[int]
) -> None:
    assert early.get(timeout=30) == 5


def test_jobs_for_later_do_not_keep_a_job_for_now_waiting(worker: WorkerProcess, connection: Any) -> None:
    for _ in range(4 * CONCURRENCY):
        send(connection, countdown=120)
    begin = time.monotonic()
    assert send(connection).get(timeout=30) == 5
    assert time.monotonic() - begin < 5
    assert count(connection, "celery_delayed_6") == 4 * CONCURRENCY  # 64 of their 120 seconds


@pytest.mark.parametrize("delay", [None, 1])
def test_each_queue_runs_its_job_once(worker: WorkerProcess, connection: Any, delay: int | None) -> None:
    """A key that reached two queues would run it twice."""
    before = worker.output().count("] received")
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    for result in [send(connection, queue=name, countdown=delay) for name in names]:
        assert result.get(timeout=30) == 5
    wait_until(lambda: all(count(connection, name) == 0 for name in names))
    assert worker.output().count("] received") - before == len(names)
