"""Who has a key, where the ledger lags, jobs are let run again, and others write rows meanwhile."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone
from redis import Redis

from apps.jobs import ending, keys, live, submitting
from apps.jobs.acting import KeyTaken, retry
from apps.jobs.models import Job, JobKey
from apps.jobs.states import Reason
from apps.jobs.submitting import submit, submit_many
from apps.jobs.tests.ledger import backend, own_stream  # noqa: F401
from apps.jobs.tests.sample_tasks import add_task
from apps.jobs.tests.stages import ADD, in_state, request_of, row

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_stream")]

QUIET = timedelta(seconds=60)
DECLARED: list[dict[str, Any]] = [{}, {"unique": "latest"}, {"debounce": QUIET}]


@pytest.fixture(autouse=True)
def unpublished(monkeypatch: pytest.MonkeyPatch) -> None:
    """No broker: what is submitted stays in the outbox."""
    monkeypatch.setattr(submitting, "publish_soon", lambda jobs: None)


def order(**options: Any) -> Job:
    return submit(ADD, args=[1], **{"key": "alice", **options})


def break_off(job: Job) -> None:
    """It ends without a try, which the ledger isn't told yet."""
    ending.end(request_of(job, **ending.WITHOUT_TRY), Reason.UNKNOWN_TASK, "no such task")


@pytest.mark.parametrize("rule", [{}, {"unique": "while_waiting"}, {"unique": "latest"}])
def test_a_key_is_free_before_the_ledger_knows_of_the_end(rule: dict[str, Any]) -> None:
    first = in_state("PENDING", key="alice", **rule)
    assert order().id == first.id
    break_off(first)
    assert Job.objects.get(id=first.id).state == "PENDING"
    second = order(**rule)
    assert (second.existing, Job.objects.get(id=first.id).cancelled_at) == (False, None)
    assert JobKey.objects.get().job_id == second.id


def test_without_redis_the_ledger_says_who_has_the_key(monkeypatch: pytest.MonkeyPatch) -> None:
    first = in_state("STARTED", key="alice")
    backend().mark_as_done(first.id, 3, request_of(first))
    monkeypatch.setattr(live, "stream_redis", lambda: Redis(port=1))
    assert order().id == first.id


def test_a_job_that_is_let_run_again_takes_its_key_back_unless_another_has_it() -> None:
    first = in_state("PENDING", key="alice")
    break_off(first)
    second = order()
    assert keys.take_back(first.id, {}) == second
    assert JobKey.objects.get().job_id == second.id
    break_off(second)
    JobKey.objects.update(first_at=timezone.now() - timedelta(days=9))
    assert keys.take_back(first.id, {}) is None
    found = JobKey.objects.get()
    assert (found.job_id, found.kind) == (first.id, "until_finished")
    assert found.first_at
    assert found.first_at > timezone.now() - QUIET, "retention must not take it now"
    JobKey.objects.all().delete()
    assert keys.take_back(first.id, {"frees_key": "alice"}) is None
    assert JobKey.objects.get().kind == "while_waiting"
    assert keys.take_back(order(key="").id, {}) is None


def test_a_job_that_has_begun_needs_no_key_that_was_freed_by_that() -> None:
    first = in_state("FAILURE", key="alice", unique="while_waiting")
    waiting = order(unique="while_waiting")
    assert keys.take_back(first.id, {"frees_key": "alice"}) is None
    assert JobKey.objects.get().job_id == waiting.id


@pytest.mark.parametrize("declared", DECLARED)
def test_a_job_that_is_run_again_changes_no_other_with_its_key(
    declared: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    old = in_state("FAILURE")
    for name, value in {"unique_key": ("left",), **declared}.items():
        monkeypatch.setattr(add_task, name, value, raising=False)
    waiting = submit(ADD, kwargs={"left": 1, "right": 5})
    with pytest.raises(KeyTaken, match=f"{old.id} is not run again: job {waiting.id}, which is PENDING, has"):
        retry(old.id)
    found = row(waiting)
    assert (found.kwargs, found.cancelled_at, found.retry_of) == ({"left": 1, "right": 5}, None, None)
    assert Job.objects.count() == 2
    break_off(waiting)
    assert retry(old.id).retry_of == old.id


def test_a_job_that_has_its_key_for_a_period_hands_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(add_task, "unique_key", ("left",), raising=False)
    monkeypatch.setattr(add_task, "key_for", timedelta(days=1), raising=False)
    old = in_state("FAILURE")
    new = retry(old.id)
    assert (new.retry_of, JobKey.objects.get().job_id) == (old.id, new.id)
    with pytest.raises(KeyTaken, match=new.id):
        retry(old.id)
    assert order(key=new.key, retry_of=new.id).id == new.id, "of a living one nobody takes it"


def test_many_keys_and_the_recorder_do_not_wait_for_each_other() -> None:
    """The recorder writes in the order of ids, which here is not that of keys."""
    how: Any = {"unique_key": ["left"], "unique": "latest"}
    for left, job_id in ((1, "z"), (2, "a")):
        submit(ADD, args=[left], id=job_id, **how)
    found: list[Job] = []

    def ask() -> None:
        try:
            found.extend(submit_many(ADD, [[1], [2]], **how))
        finally:
            connection.close()

    thread = threading.Thread(target=ask)
    with transaction.atomic():
        Job.objects.filter(id="a").update(note="seen")
        thread.start()
        thread.join(0.5)
        assert thread.is_alive()
        Job.objects.filter(id="z").update(note="seen")
    thread.join(10)
    assert [job.existing for job in found] == [False, False]
    assert Job.objects.filter(id__in="az", cancelled_at__isnull=False).count() == 2
