"""Jobs of one key run one at a time, in order, whatever happens to them."""

import os
import random
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.gate import ordering
from apps.gate.checks import errors_of_order
from apps.gate.desired import publish
from apps.gate.models import Ticket
from apps.gate.pausing import resume
from apps.gate.permits import permits_for
from apps.gate.releasing import clear
from apps.gate.tests import limited_tasks as tasks
from apps.gate.tests.limited_tasks import noted
from apps.gate.tests.pauses import paused_for_sure
from apps.jobs import Call, acting, ending, submit, submit_many
from apps.jobs.limits import InOrder
from apps.jobs.models import Hold, Job
from apps.jobs.orders import Order
from apps.jobs.state import state_redis
from apps.jobs.submitting import hand_in, order_of, prepared
from apps.jobs.tests.ledger import drain, entries, own_stream, request_of  # noqa: F401
from apps.jobs.tests.lives import running
from apps.recorder.recording import record
from tests.waiting import RecorderProcess, WorkerProcess, wait_until

RECORDER = ("--only", "record", "--only", "relay", "--only", "holds", "--only", "sweep")
TASK = tasks.in_order_task
LINE = f"order:{TASK.name}:customer="


@pytest.fixture(scope="module")
def _workers(no_others: None) -> Iterator[WorkerProcess]:
    process = WorkerProcess("-I", "apps.gate.tests.limited_tasks", concurrency=3)
    with running(RecorderProcess(*RECORDER), process):
        yield process


@pytest.fixture
def worker(_workers: WorkerProcess, transactional_db: None) -> WorkerProcess:
    _workers.ensure_alive()
    publish()
    return _workers


def begun(customer: str) -> list[int]:
    return [int(line.split()[0]) for line in noted(f"order:{customer}") if line.endswith("begins")]


def all_ended(count: int) -> None:
    wait_until(lambda: Job.objects.exclude(finished_at=None).count() >= count, what=f"{count} jobs to end")
    wait_until(lambda: not Ticket.objects.exists(), what="their tickets to be taken")
    assert not Hold.objects.exists()


def one_at_a_time(customer: str) -> None:
    """Whoever begins, fails or ends before anybody else begins."""
    lines = noted(f"order:{customer}")
    for first, second in zip(lines[::2], lines[1::2], strict=True):
        assert first.split()[0] == second.split()[0]
        assert first.endswith("begins")


@pytest.mark.usefixtures("worker")
def test_each_key_has_its_order_and_keys_run_beside_each_other() -> None:
    calls = [{"customer": customer, "mark": n} for n in range(15) for customer in ("a", "b")]
    submit_many(TASK, calls)
    all_ended(30)
    for customer in ("a", "b"):
        assert begun(customer) == list(range(15))
        one_at_a_time(customer)
    assert set(Job.objects.values_list("state", "attempts")) == {("SUCCESS", 1)}


@pytest.mark.usefixtures("worker")
def test_the_next_waits_for_further_tries_of_the_one_before() -> None:
    submit(TASK, args=["c", 0], kwargs={"fails": 2})
    submit_many(TASK, [["c", 1], ["c", 2]])
    held: Any = wait_until(Hold.objects.first, what="one to be held")
    assert held.line == f'{LINE}"c"'
    assert 'one at a time, in order for customer="c"' in held.why
    all_ended(3)
    assert begun("c") == [0, 0, 0, 1, 2]


@pytest.mark.usefixtures("worker")
def test_cancelling_the_first_frees_the_rest_and_an_expired_one_is_passed_over() -> None:
    paused_for_sure("queue", "report")
    first = submit(TASK, args=["d", 0], queue="report")
    late = submit(TASK, args=["d", 1], expires=timedelta(seconds=1)).expires_at
    submit(TASK, args=["d", 2])
    wait_until(lambda: Hold.objects.filter(line__startswith=LINE).count() == 2, what="two to be held")
    assert begun("d") == []
    wait_until(lambda: late and timezone.now() > late, what="the second to expire")
    acting.cancel(first.id, by="alice")
    resume("queue", "report")
    all_ended(3)
    assert begun("d") == [2]


@pytest.mark.usefixtures("worker")
def test_a_killed_process_keeps_its_turn() -> None:
    jobs = [
        submit(TASK, args=["e", 0], kwargs={"until": "test:go", "pid": "test:pid"}),
        *submit_many(TASK, [["e", 1], ["e", 2]]),
    ]
    pid: Any = wait_until(lambda: state_redis().get("test:pid"), what="the first to run")
    wait_until(lambda: Hold.objects.count() == 2, what="the others to be held")
    os.kill(int(pid), signal.SIGKILL)
    wait_until(lambda: begun("e") == [0, 0], what="the first to run again")
    state_redis().set("test:go", 1)
    all_ended(3)
    assert begun("e") == [0, 0, 1, 2]
    assert set(Job.objects.filter(id__in=[job.id for job in jobs]).values_list("state", flat=True)) == {
        "SUCCESS"
    }


@pytest.mark.usefixtures("worker")
def test_a_plain_delay_waits_too() -> None:
    TASK.delay("f", 0, until="test:go")
    wait_until(lambda: begun("f") == [0], what="the first")
    for mark in (1, 2):
        TASK.delay("f", mark)
        wait_until(lambda mark=mark: Hold.objects.count() == mark, what="it to be held")  # type: ignore[misc]
    state_redis().set("test:go", 1)
    all_ended(3)
    assert begun("f") == [0, 1, 2]


@pytest.mark.usefixtures("worker")
def test_a_pause_changes_no_order() -> None:
    paused_for_sure("task", TASK.name)
    submit_many(TASK, [["g", n] for n in range(8)])
    wait_until(lambda: Hold.objects.count() == 8, what="all to be held")
    resume("task", TASK.name)
    all_ended(8)
    assert begun("g") == list(range(8))


@pytest.mark.django_db(transaction=True)
def test_whoever_commits_late_waits_for_the_one_that_runs() -> None:
    """Its number is smaller, but the other one's turn has begun."""
    with ThreadPoolExecutor(1) as other, transaction.atomic():
        ordering.draw(["early"], ["line"])
        assert other.submit(in_own_connection, "late").result()
    assert not ordering.begins("early", "line")
    assert ordering.begins("late", "line")
    Ticket.objects.filter(job_id="late").delete()
    assert ordering.begins("early", "line")


def in_own_connection(job_id: str) -> bool:
    try:
        return ordering.begins(job_id, "line")
    finally:
        connection.close()


def fail(job: Job) -> None:
    ending.end(request_of(job.id, task=job.task, **ending.WITHOUT_TRY), "rejected", "refused")


@pytest.mark.django_db
@pytest.mark.usefixtures("own_stream")
@pytest.mark.parametrize("heard", [True, False])
def test_a_job_that_is_sent_again_has_a_turn_before_the_ledger_hears_of_it(*, heard: bool) -> None:
    """`heard`: whether the ledger knew that it had ended before."""
    again, line = submit(TASK, args=["i", 0]), f'{LINE}"i"'
    assert ordering.begins(again.id, line)
    fail(again)
    if heard:
        drain()
        assert ordering.over("begun AND") == [line]
    ending.reopen(again.id, "sent again")
    assert ordering.begins(again.id, line)
    after = submit(TASK, args=["i", 1])
    record([entry for entry in entries() if entry[1][b"kind"] == b"FAILURE"])
    assert Job.objects.get(id=again.id).finished_at
    values = {"task": TASK.name, "queue": "default", "line": "pause:", "turn": 1, "why": "", "message": {}}
    Hold.objects.create(job_id=again.id, held_at=timezone.now(), **values)
    clear()
    assert (Hold.objects.count(), ordering.over("begun AND"), ordering.over("")) == (1, [], [])
    assert not ordering.begins(after.id, line)
    drain()
    assert Job.objects.get(id=again.id).finished_at is None
    fail(again)
    drain()
    clear()
    assert (Hold.objects.count(), ordering.over("begun AND")) == (0, [line])
    assert ordering.begins(after.id, line)


@pytest.mark.django_db(transaction=True)
def test_of_many_that_ask_at_once_one_begins() -> None:
    ids = [f"job{n}" for n in range(8)]
    with ThreadPoolExecutor(8) as pool:
        shuffled = random.Random(1).sample(ids, len(ids))
        answers = list(pool.map(in_own_connection, shuffled))
    assert answers.count(True) <= 1
    assert sum(ordering.begins(job_id, "line") for job_id in ids) == 1


@pytest.mark.django_db(transaction=True)
def test_a_job_of_which_nobody_knows_blocks_nobody() -> None:
    ordering.draw(["gone", "new"], ["line", "line"])
    Ticket.objects.filter(job_id="gone").update(since=timezone.now() - timedelta(minutes=2))
    ordering.forget_unknown()
    assert [ticket.job_id for ticket in Ticket.objects.all()] == ["new"]


@pytest.mark.django_db
def test_who_is_held_without_a_ticket_gets_one() -> None:
    values = {"task": "t", "queue": "default", "line": "order:x", "turn": 1, "why": "", "message": {}}
    Hold.objects.create(job_id="lone", held_at=timezone.now(), **values)
    assert ordering.Orders().sweep() == {"order:x"}
    assert [hold.job_id for hold in ordering.heads(["order:x"])] == ["lone"]


@pytest.mark.django_db
def test_the_gate_looks_less_often_the_longer_nothing_happens() -> None:
    ordering.draw(["sleeps", "waits"], ["order:x", "order:x"])
    values = {"task": "t", "queue": "default", "line": "order:x", "turn": 1, "why": "", "message": {}}
    Hold.objects.create(job_id="waits", held_at=timezone.now(), **values)
    orders = ordering.Orders()
    orders.news = time.monotonic() - 3600
    assert orders.next() == []
    assert orders.next_look - time.monotonic() > 0.4
    orders.woken()
    assert orders.next_look - time.monotonic() < 0.1
    orders.next_look = 0.0
    orders.next()
    assert orders.next_look - time.monotonic() < 0.1


def test_many_that_are_held_make_no_sweep_follow_the_other() -> None:
    orders = ordering.Orders()
    orders.swept, orders.swept_for, orders.next_sweep = time.monotonic(), 1.0, time.monotonic() + 30
    orders.woken()
    assert orders.next_sweep == orders.swept + 20
    orders.swept_for = 0.001
    orders.woken()
    assert orders.next_sweep == orders.swept + 0.1


@pytest.mark.django_db
def test_who_is_held_in_another_line_than_that_of_his_ticket_goes_on() -> None:
    """As after a deployment that declares another key."""
    ordering.draw(["old"], ["order:x"])
    values = {"task": "t", "queue": "default", "line": "order:y", "turn": 1, "why": "", "message": {}}
    Hold.objects.create(job_id="old", held_at=timezone.now(), **values)
    assert ordering.Orders().sweep() == {"order:x"}
    assert [hold.job_id for hold in ordering.heads(["order:x"])] == ["old"]


def test_the_order_of_keys_in_a_value_makes_no_other_line() -> None:
    lines = [
        permits_for(TASK, TASK.limits, [value], {})[0].line
        for value in ({"a": 1, "b": [2]}, {"b": [2], "a": 1})
    ]
    assert lines == [f'{LINE}{{"a": 1, "b": [2]}}'] * 2


@pytest.mark.django_db
def test_unique_jobs_have_the_order_of_their_submission() -> None:
    """They are written in the order of their keys, which is that of text."""
    jobs = submit_many(tasks.unique_in_order_task, [["k", mark] for mark in (9, 10, 2, 10)])
    assert [job.existing for job in jobs] == [False, False, False, True]
    tickets = Ticket.objects.order_by("number").values_list("job_id", flat=True)
    assert list(tickets) == [job.id for job in jobs[:3]]


@pytest.mark.django_db
def test_jobs_with_a_key_and_those_without_have_one_order() -> None:
    task, now = tasks.unique_in_order_task, timezone.now()
    orders = [order_of(task, {}), Order(), order_of(task, {}), Order()]
    jobs = [prepared(task, Call(["k", mark]), order, now) for mark, order in enumerate(orders)]
    assert [bool(job.key) for job in jobs] == [True, False, True, False]
    assert hand_in(jobs) == {}
    tickets = Ticket.objects.order_by("number").values_list("job_id", flat=True)
    assert list(tickets) == [job.id for job in jobs]


@pytest.mark.django_db
def test_delayed_jobs_and_other_tasks_draw_no_ticket_when_they_are_submitted() -> None:
    submit(TASK, args=["h"], delay=timedelta(minutes=5))
    submit(tasks.plain_task)
    assert not Ticket.objects.exists()
    submit(TASK, args=["h"])
    assert [ticket.line for ticket in Ticket.objects.all()] == [f'{LINE}"h"']


def test_bad_orders_are_told() -> None:
    with pytest.raises(ValueError, match="^share: expected none"):
        InOrder(share=("tenant",))

    class Twice:
        name = "twice"
        limits = (InOrder(), InOrder(key=("customer",)))

    (wrong,) = errors_of_order(Twice)
    assert wrong.id == "gate.E003"
