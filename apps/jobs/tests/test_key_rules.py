"""Unique while waiting, latest wins, debounce: what a newer job does to one that waits, and a worker."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.core.checks import run_checks
from django.db import connection, transaction
from django.utils import timezone

from apps.jobs import submitting
from apps.jobs.errors import ArgumentError
from apps.jobs.models import Hold, Job, JobKey
from apps.jobs.reading.attention import attention
from apps.jobs.standing import frees
from apps.jobs.submitting import Call, hand_in, order_of, prepared, submit, submit_many
from apps.jobs.tests.sample_tasks import add_task, stumble_task
from tests.waiting import WorkerProcess, ended, wait_until

pytestmark = pytest.mark.django_db(transaction=True)

QUIET, MOST = timedelta(seconds=60), timedelta(seconds=90)


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Ids of what would go to the broker."""
    found: list[str] = []
    monkeypatch.setattr(submitting, "publish_soon", lambda jobs: found.extend(job.id for job in jobs))
    return found


@pytest.fixture
def bill(published: list[str]) -> Iterator[Any]:
    """A task that declares its key."""

    def run(customer: int, month: str = "05", pin: str = "") -> None: ...

    register: Any = current_app.task(name="test.bill", lazy=False, unique_key=("customer",))
    yield register(run)
    current_app.tasks.pop("test.bill")


def order(left: int = 1, **options: Any) -> Job:
    return submit(add_task, args=[left], **{"key": "alice", **options})


def in_thread(work: Callable[[], Any]) -> tuple[threading.Thread, list[Any]]:
    """With a connection of its own."""
    found: list[Any] = []

    def run() -> None:
        try:
            found.append(work())
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, found


def cancelled() -> set[str]:
    return set(Job.objects.filter(cancelled_at__isnull=False).values_list("id", flat=True))


def test_a_key_while_waiting_is_free_once_its_job_begins(published: list[str]) -> None:
    first, again = order(unique="while_waiting"), order(2, unique="while_waiting")
    assert (again.id, again.existing, again.args, first.existing) == (first.id, True, [1], False)
    assert first.outbox == {"headers": {"frees_key": "alice"}}
    assert frees(first.id, "alice")
    second = order(2, unique="while_waiting")
    assert not second.existing
    assert frees(first.id, "alice"), "a redelivery begins too"
    assert order(3, unique="while_waiting").id == second.id, "and leaves the newer job its key"


def test_a_key_is_free_too_when_the_ledger_knows_of_the_start(published: list[str]) -> None:
    first = order(unique="while_waiting")
    Job.objects.update(attempts=1)
    assert order(unique="while_waiting").id != first.id


def test_the_latest_takes_the_place_of_the_one_that_waits(published: list[str]) -> None:
    first = order(unique="latest")
    hold = {"task": "t", "queue": "default", "line": "l", "turn": 1, "why": "w", "message": {}}
    Hold.objects.create(job_id=first.id, held_at=timezone.now(), **hold)
    second = order(2, unique="latest")
    assert (second.existing, cancelled()) == (False, {first.id})
    first.refresh_from_db()
    assert (first.outbox, first.note) == (None, f"a newer one took its place: {second.id}")
    assert not Hold.objects.exists()
    assert not frees(first.id, "alice"), "its message is not run when it comes"
    assert frees(second.id, "alice")
    third = order(3, unique="latest")
    assert (third.existing, cancelled()) == (False, {first.id}), "a running one is left alone"


def test_a_key_that_is_held_until_the_end_makes_way_for_no_newer_job(published: list[str]) -> None:
    first = order()
    assert order(2, unique="latest").id == order(2, debounce=QUIET).id == first.id
    assert cancelled() == set()


def test_a_debounced_job_waits_and_becomes_the_newest(published: list[str]) -> None:
    first = order(debounce=QUIET, at_most=MOST)
    begin = first.eta
    assert begin
    assert published == []
    assert first.relay_at == begin
    again = order(2, debounce=QUIET, at_most=MOST, tags=["late"])
    assert (again.id, again.existing, again.args, again.tags) == (first.id, True, [2], ["late"])
    assert again.eta
    assert begin < again.eta <= begin + timedelta(seconds=5)
    JobKey.objects.update(first_at=timezone.now() - MOST + timedelta(seconds=10))
    last = order(3, debounce=QUIET, at_most=MOST)
    assert last.eta is not None
    assert last.eta < begin, "not later than at_most after the first"
    assert (Job.objects.count(), published) == (1, [])
    Job.objects.update(submitted_at=timezone.now() - timedelta(days=1))
    assert attention().unsent.number == 0, "it waits on purpose"


def test_a_debounced_job_that_is_published_is_replaced(published: list[str]) -> None:
    first = order(debounce=QUIET, at_most=MOST)
    Job.objects.update(outbox=None)
    JobKey.objects.update(first_at=timezone.now() - 2 * MOST)
    second = order(2, debounce=QUIET, at_most=MOST)
    assert (second.existing, cancelled()) == (False, {first.id})
    assert second.relay_at is not None
    assert second.relay_at <= timezone.now(), "it has been put off long enough"


def test_a_worker_that_begins_waits_for_the_newer_jobs_commit(published: list[str]) -> None:
    first = order(unique="latest")
    with transaction.atomic():
        second = order(2, unique="latest")
        thread, begins = in_thread(lambda: frees(first.id, "alice"))
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(10)
    assert begins == [False]
    assert JobKey.objects.get().job_id == second.id


def test_a_newer_job_that_comes_after_the_start_waits_behind_it(published: list[str]) -> None:
    first = order(unique="latest")
    with transaction.atomic():
        assert frees(first.id, "alice")
        thread, found = in_thread(lambda: order(2, unique="latest"))
        thread.join(0.3)
        assert thread.is_alive()
    thread.join(10)
    assert (found[0].existing, cancelled()) == (False, set())


def test_a_debounced_job_in_the_hands_of_a_relay_is_not_changed(published: list[str]) -> None:
    first = order(debounce=QUIET)
    with transaction.atomic():
        Job.objects.select_for_update().get(id=first.id)
        thread, found = in_thread(lambda: order(2, debounce=QUIET))
        thread.join(0.3)
        assert thread.is_alive()
        Job.objects.filter(id=first.id).update(outbox=None)
    thread.join(10)
    first.refresh_from_db()
    assert (first.args, found[0].args, cancelled()) == ([1], [2], {first.id})


@pytest.mark.parametrize("rule", [{"unique": "latest"}, {"debounce": QUIET}, {"unique": "while_waiting"}])
def test_of_many_at_once_one_waits(published: list[str], rule: dict[str, Any]) -> None:
    together = threading.Barrier(8)

    def ask(number: int) -> str:
        together.wait()
        try:
            return order(number, **rule).id
        finally:
            connection.close()

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(8)))
    (waiting,) = Job.objects.filter(cancelled_at=None)
    assert JobKey.objects.get().job_id == waiting.id
    assert Job.objects.count() == (8 if "latest" in rule.values() else 1)


def test_a_task_declares_its_key(bill: Any, published: list[str]) -> None:
    first = submit(bill, kwargs={"customer": 3})
    assert first.key == "test.bill:customer=3"
    assert submit(bill, args=[3, "06"]).id == first.id
    assert submit(bill, args=[4]).id != first.id
    assert submit(bill, args=[3], key="own").key == "own"
    made = prepared(bill, Call([3]), order_of(bill, {}), timezone.now())
    assert hand_in([made])[made.id].id == first.id
    again = submit_many(bill, [[5], {"customer": 3}, [5]])
    assert [job.existing for job in again] == [False, True, True]
    assert again[0].id == again[2].id
    free = submit_many(add_task, [[1], [1], [2]], unique_key=["left", "right"])
    assert [job.key.partition(":")[2] for job in free] == ["left=1,right=1"] * 2 + ["left=2,right=1"]
    assert submit(add_task, args=[9], unique_key=()).key == f"{add_task.name}:"


def test_values_in_a_key_are_short_and_no_secrets(bill: Any) -> None:
    bill.unique_key, bill.secret_arguments = ("month", "pin"), ("pin",)
    key = submit(bill, args=[1], kwargs={"month": "x" * 400, "pin": "1234"}).key
    assert len(key) <= 255
    assert "1234" not in key
    assert "xxx" not in key
    with pytest.raises(ArgumentError, match="the task has no argument shop"):
        submit(bill, args=[1], unique_key=["shop"])


@pytest.mark.parametrize(
    ("declared", "id_", "words"),
    [
        ({"unique_key": ("custmer",)}, "jobs.E002", "'custmer'"),
        ({"unique_key": "customer"}, "jobs.E003", "expected a list of names"),
        ({"unique": "sometimes"}, "jobs.E003", "expected one of until_finished, while_waiting, latest"),
        ({"unique_key": None, "unique": "latest"}, "jobs.E003", "only together with a key"),
        ({"debounce": 5}, "jobs.E003", "debounce: expected a timedelta of 1 s to 30 days, got 5"),
    ],
)
def test_a_wrong_declaration_stops_the_start(bill: Any, declared: Any, id_: str, words: str) -> None:
    assert [found for found in run_checks() if found.id in {"jobs.E002", "jobs.E003"}] == []
    for name, value in declared.items():
        setattr(bill, name, value)
    (found,) = [found for found in run_checks() if found.id in {"jobs.E002", "jobs.E003"}]
    assert found.id == id_
    assert words in found.msg


def test_workers_free_keys_and_refuse_what_was_replaced(worker: WorkerProcess) -> None:
    first = submit(stumble_task, args=[1], key="tries", unique="while_waiting")
    wait_until(lambda: not JobKey.objects.exists(), what="the key to be free")
    second = submit(stumble_task, args=[0], key="tries", unique="while_waiting")
    late = [order(left, unique="latest", delay=timedelta(seconds=2)) for left in (1, 2)]
    quiet = [order(left, key="quiet", debounce=timedelta(seconds=2)) for left in (1, 2, 3)]
    assert {job.id for job in quiet} == {quiet[0].id}
    assert [ended(job.id).state for job in [first, second, *late]] == ["SUCCESS"] * 2 + ["REVOKED", "SUCCESS"]
    assert (ended(quiet[0].id).result, Job.objects.get(id=quiet[0].id).args) == (4, [3])
    assert not JobKey.objects.exists()
