"""One job to a key: while it is alive, or for a period."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.jobs import submitting
from apps.jobs.models import Job, JobKey
from apps.jobs.submitting import submit
from apps.jobs.tests.sample_tasks import add_task

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of what would go to the broker."""
    found: list[str] = []
    monkeypatch.setattr(submitting, "publish_soon", lambda jobs: found.extend(job.id for job in jobs))
    return found


def order(key: str = "alice", **options: Any) -> Job:
    return submit(add_task, args=[1], key=key, **options)


def end(job: Job, state: str = "SUCCESS") -> None:
    Job.objects.filter(id=job.id).update(state=state, finished_at=timezone.now())


def test_a_key_that_is_taken_leads_to_the_job_that_has_it(published: list[str]) -> None:
    first, second = order(), order()
    assert (second.id, second.args) == (first.id, [1])
    assert Job.objects.count() == 1
    assert published == [first.id]


def test_other_keys_and_none_are_other_jobs() -> None:
    assert (
        len({order().id, order("bob").id, submit(add_task, args=[1]).id, submit(add_task, args=[1]).id}) == 4
    )


@pytest.mark.parametrize("state", ["STARTED", "RETRY"])
def test_a_job_that_is_alive_keeps_its_key(state: str) -> None:
    first = order()
    Job.objects.update(state=state)
    assert order().id == first.id


@pytest.mark.parametrize("state", ["SUCCESS", "FAILURE", "REVOKED"])
def test_a_job_that_has_ended_frees_its_key(state: str) -> None:
    first = order()
    end(first, state)
    second = order()
    assert second.id != first.id
    assert order().id == second.id


def test_a_key_for_a_period_outlives_its_job() -> None:
    first = order(key_for=timedelta(hours=1))
    end(first)
    assert order(key_for=timedelta(hours=1)).id == first.id
    assert order().id == first.id


def test_a_period_that_is_over_frees_the_key_of_a_living_job() -> None:
    first = order(key_for=timedelta(hours=1))
    JobKey.objects.update(until=timezone.now() - timedelta(seconds=1))
    assert order(key_for=timedelta(hours=1)).id != first.id


def test_the_key_of_a_forgotten_job_is_free() -> None:
    first = order(key_for=timedelta(hours=1))
    first.delete()
    assert order().id != first.id


def test_a_rollback_frees_the_key(published: list[str]) -> None:
    with transaction.atomic():
        order()
        transaction.set_rollback(True)
    assert not JobKey.objects.exists()
    assert order().id == published[0]


def test_a_refused_job_takes_no_key() -> None:
    taken = submit(add_task, args=[1])
    with pytest.raises(submitting.JobTaken):
        order(id=taken.id)
    assert not JobKey.objects.exists()


def test_of_many_at_once_one_gets_the_key(published: list[str]) -> None:
    together = threading.Barrier(8)

    def ask(_: int) -> str:
        together.wait()
        try:
            return order().id
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        ids = list(pool.map(ask, range(8)))
    assert len(set(ids)) == Job.objects.count() == 1
    assert published == [ids[0]]


def test_who_comes_second_waits_for_the_first_ones_commit() -> None:
    found: list[str] = []

    def ask() -> None:
        found.append(order().id)
        connection.close()

    with transaction.atomic():
        first = order()
        thread = threading.Thread(target=ask)
        thread.start()
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(10)
    assert found == [first.id]


def test_who_waited_for_a_rollback_gets_a_job_of_its_own(published: list[str]) -> None:
    def ask() -> None:
        order()
        connection.close()

    with transaction.atomic():
        first = order()
        thread = threading.Thread(target=ask)
        thread.start()
        transaction.set_rollback(True)
    thread.join(10)
    assert first.id not in published
    assert [job.id for job in Job.objects.all()] == published
