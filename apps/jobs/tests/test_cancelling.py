"""Cancelling, with a real worker: what waits never runs, and what runs is killed if one insists."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from celery.exceptions import TaskRevokedError
from celery.result import AsyncResult

from apps.jobs.acting import cancel
from apps.jobs.models import Attempt, Job
from apps.jobs.tests.acting_tasks import chatter_task, nap_task
from apps.jobs.tests.ledger import drain
from apps.jobs.tests.own_worker import declare_on, own_worker_on, send
from tests.vhosts import Vhost
from tests.waiting import WorkerProcess, of_test_database, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def row(job_id: str) -> Job | None:
    drain()
    return Job.objects.filter(id=job_id).first()


@contextmanager
def a_worker(vhost: Vhost) -> Iterator[WorkerProcess]:
    """With one process, so that a job in it holds up all others."""
    yield from own_worker_on(vhost, "--concurrency", "1")


def job_command(vhost: Vhost, *words: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | of_test_database() | {"CELERY_BROKER_URL": vhost.url}
    argv = [sys.executable, "manage.py", "job", *words]
    return subprocess.run(argv, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_of_the_jobs_in_a_queue_the_cancelled_never_run(vhost: Vhost) -> None:
    declare_on(vhost)
    ids = [send(vhost.url, nap_task, 0) for _ in range(60)]
    wait_until(lambda: all(row(job_id) for job_id in ids))
    cancelled, others = ids[::2], ids[1::2]
    assert {cancel(job_id).outcome for job_id in cancelled} == {"cancelled"}
    with a_worker(vhost):
        for job_id in others:
            assert AsyncResult(job_id).get(timeout=30) == "awake"
        last = send(vhost.url, nap_task, 0)  # behind all of them
        assert AsyncResult(last).get(timeout=30) == "awake"
    drain()
    assert not Attempt.objects.filter(job_id__in=cancelled).exists()
    assert set(Job.objects.filter(id__in=cancelled).values_list("state", "attempts")) == {("REVOKED", 0)}


def test_a_forced_cancel_kills_the_job_and_not_the_worker(vhost: Vhost) -> None:
    with a_worker(vhost) as worker:
        long = send(vhost.url, nap_task, 300)
        wait_until(lambda: (found := row(long)) and found.state == "STARTED")
        asked = job_command(vhost, "cancel", long)
        assert (asked.returncode, "it is asked to end" in asked.stdout) == (0, True)
        started = time.monotonic()
        done = job_command(vhost, "cancel", long, "--force", "--why", "too long", "--json")
        assert (done.returncode, json.loads(done.stdout)["outcome"]) == (0, "killed")
        with pytest.raises(TaskRevokedError):
            AsyncResult(long).get(timeout=30)
        assert AsyncResult(send(vhost.url, nap_task, 0)).get(timeout=60) == "awake"
        assert time.monotonic() - started < 60
        worker.ensure_alive()
    found = row(long)
    assert found is not None
    assert (found.state, found.reason, found.note.rpartition(": ")[2]) == ("REVOKED", "cancelled", "too long")
    (tried,) = Attempt.objects.filter(job_id=long)
    assert tried.outcome == "revoked"


def test_logs_are_followed_from_another_process_to_the_jobs_end(vhost: Vhost) -> None:
    with a_worker(vhost):
        job_id = send(vhost.url, chatter_task, 120)
        wait_until(lambda: row(job_id))
        AsyncResult(job_id).get(timeout=30)
        wait_until(lambda: (found := row(job_id)) and found.state == "SUCCESS")
        said = job_command(vhost, "logs", job_id, "--follow", "--json")
    lines = [json.loads(line) for line in said.stdout.splitlines()]
    assert [line["message"] for line in lines] == [f"line {number}" for number in range(120)]
    assert {line["attempt"] for line in lines} == {1}
