"""A side effect happens once, however often its job is delivered."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction

from apps.jobs import once
from apps.jobs.models import Effect, JobKey
from apps.jobs.tests.sample_tasks import add_task

pytestmark = pytest.mark.django_db(transaction=True)


class Pay:
    """An effect that counts how often it happened."""

    def __init__(self, result: Any = None) -> None:
        self.result, self.times = result, 0

    def __call__(self) -> Any:
        self.times += 1
        return self.result


@pytest.mark.parametrize("result", [None, 0, "paid", {"receipt": [1, "Ł"]}])
def test_the_second_caller_gets_what_the_first_one_did(result: Any) -> None:
    pay = Pay(result)
    assert [once("order-7", pay), once("order-7", pay)] == [result, result]
    assert pay.times == 1


def test_another_key_is_another_effect() -> None:
    pay = Pay()
    once("order-7", pay)
    once("order-8", pay)
    assert pay.times == 2


def test_an_effect_that_raises_is_not_kept() -> None:
    def fail() -> None:
        JobKey.objects.create(key="half done", job_id="x")
        raise ValueError("declined")

    with pytest.raises(ValueError, match="declined"):
        once("order-7", fail)
    assert not Effect.objects.exists()
    assert not JobKey.objects.exists()
    assert once("order-7", Pay("paid")) == "paid"


def test_what_the_effect_writes_commits_together_with_its_key() -> None:
    with transaction.atomic():
        once("order-7", lambda: JobKey.objects.create(key="a", job_id="x").key)
        transaction.set_rollback(True)
    assert not Effect.objects.exists()
    assert not JobKey.objects.exists()


def test_of_many_at_once_one_does_it_and_the_others_wait_for_its_result() -> None:
    together, pay = threading.Barrier(6), Pay("paid")

    def ask(_: int) -> Any:
        together.wait()
        try:
            return once("order-7", pay)
        finally:
            connection.close()

    with ThreadPoolExecutor(6) as pool:
        results = list(pool.map(ask, range(6)))
    assert results == ["paid"] * 6
    assert pay.times == 1


def test_other_keys_wait_for_nobody() -> None:
    entered, leave = threading.Event(), threading.Event()

    def slow() -> None:
        entered.set()
        leave.wait(10)

    def ask() -> None:
        once("slow", slow)
        connection.close()

    thread = threading.Thread(target=ask)
    thread.start()
    entered.wait(10)
    assert once("quick", Pay("done")) == "done"
    leave.set()
    thread.join(10)


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x00b"])
def test_a_key_that_cannot_be_kept_is_refused_before_the_effect(key: str) -> None:
    pay = Pay()
    with pytest.raises(ValueError, match="key"):
        once(key, pay)
    assert pay.times == 0


def test_the_effect_tells_which_job_did_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(add_task, "run", lambda left, right: once(f"{left}", Pay(right)))
    result = add_task.apply(args=(1, 2), task_id="job-7")
    assert result.get() == 2
    assert Effect.objects.get().job_id == "job-7"
