"""What a test handed in, and running it without a worker."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any
from unittest.mock import ANY

import pytest
from celery import chain, chord, group
from django.db import transaction
from django.test import TestCase

from apps.jobs import submit, submit_chain, submit_many
from apps.jobs.errors import PermanentError, UnknownTask
from apps.jobs.models import Job
from apps.jobs.submitting import Call
from apps.jobs.uniqueness import declared
from apps.testing.cases import JobsMixin
from apps.testing.collected import Jobs
from apps.testing.tests import shop_tasks as shop
from apps.testing.tests.shop_tasks import DONE

pytest_plugins = ["apps.testing.plugin"]


@pytest.fixture(autouse=True)
def nothing_done() -> Iterator[None]:
    DONE.clear()
    yield
    DONE.clear()


def test_what_was_handed_in_is_found_by_some_of_its_arguments(jobs: Jobs) -> None:
    submit(shop.bill_task, args=[3], kwargs={"day": date(2026, 5, 1)})
    shop.bill_task.delay(4, pin="1234")
    assert [found.arguments["customer"] for found in jobs.submitted(shop.bill_task)] == [3, 4]
    assert jobs.assert_submitted(shop.bill_task, customer=3, day=date(2026, 5, 1), pin=ANY).job
    assert jobs.submitted(shop.bill_task.name, 4, pin="1234")[0].queue == "default"
    jobs.assert_not_submitted(shop.bill_task, customer=5)
    jobs.assert_not_submitted(shop.mail_task)
    assert len(jobs.submitted()) == len(jobs.pending) == 2


def test_a_mistake_is_told_with_what_was_there(jobs: Jobs) -> None:
    with pytest.raises(AssertionError, match="not handed in: .*mail_task\\(to=1\\)\nnothing was"):
        jobs.assert_submitted(shop.mail_task, to=1)
    submit(shop.mail_task, kwargs={"to": 2}, delay=timedelta(hours=1))
    with pytest.raises(AssertionError, match="what was:\n  .*mail_task\\(to=2\\) not before 20"):
        jobs.assert_submitted(shop.mail_task, to=1)
    with pytest.raises(AssertionError, match="handed in: anything"):
        jobs.assert_not_submitted()
    with pytest.raises(TypeError, match="no such argument; did you mean customer"):
        jobs.submitted(shop.bill_task, custmer=3)
    with pytest.raises(TypeError, match="takes 1 arguments by place, got 2"):
        jobs.submitted(shop.mail_task, 1, 2)
    with pytest.raises(UnknownTask, match="did you mean"):
        jobs.submitted("apps.testing.tests.shop_tasks.bil_task")


def test_what_was_rolled_back_was_never_handed_in(jobs: Jobs) -> None:
    with transaction.atomic():
        submit(shop.mail_task, kwargs={"to": 1})
        transaction.set_rollback(True)
    jobs.assert_not_submitted(shop.mail_task)


def test_all_is_run_in_order_with_what_it_hands_in(jobs: Jobs) -> None:
    first = submit(shop.bill_task, args=[3], kwargs={"day": "2026-05-01"})
    shop.mail_task.delay(to=1)
    submit(shop.later_task)
    ran = jobs.run_pending()
    assert [("bill", 3, date(2026, 5, 1))] * 2 + [("mail", n) for n in (1, 3, -3, 9)] == DONE
    assert [found.state for found in ran] == ["SUCCESS"] * 6
    first.refresh_from_db()
    assert (first.state, first.result, first.attempts, first.outbox) == ("SUCCESS", 3, 1, None)
    mailed = jobs.submitted(shop.mail_task, to=-3)[0].job
    assert mailed is not None
    assert (mailed.state, mailed.kwargs, mailed.parent) == ("SUCCESS", {"to": -3}, None)
    assert jobs.run_pending() == []


def test_retries_follow_the_policy_and_failures_are_told(jobs: Jobs) -> None:
    good = shop.stumble_task.delay(2)
    assert [ran.state for ran in jobs.run_pending()] == ["RETRY", "RETRY", "SUCCESS"]
    assert (good.get(), DONE) == ("there", [("try", 0), ("try", 1), ("try", 2)])
    bad = submit(shop.stumble_task, args=[9])
    submit(shop.break_task)
    with pytest.raises(AssertionError, match=r"(?s)failed:.*wet.*no such road") as error:
        jobs.run_pending()
    assert "wet" in str(error.value.__cause__)
    bad.refresh_from_db()
    assert (bad.state, bad.reason, bad.error, bad.attempts) == ("FAILURE", "error", "the road was wet", 3)
    submit(shop.break_task)
    (ran,) = jobs.run_pending(may_fail=True)
    assert isinstance(ran.error, PermanentError)


def test_who_snoozes_waits_for_the_next_call(jobs: Jobs) -> None:
    job = submit(shop.nap_task)
    submit(shop.add_task, args=[1])
    assert [ran.state for ran in jobs.run_pending()] == ["SNOOZED", "SUCCESS"]
    job.refresh_from_db()
    assert (job.state, job.reason) == ("PENDING", "snoozed")
    assert [ran.state for ran in jobs.run_pending() + jobs.run_pending()] == ["SNOOZED", "SUCCESS"]


def test_delays_are_not_waited_for_and_keys_count(jobs: Jobs) -> None:
    quiet: Any = {"key": "k", "debounce": timedelta(hours=1)}
    first = submit(shop.add_task, args=[1], **quiet)
    assert submit(shop.add_task, args=[5], **quiet).existing
    assert [ran.result for ran in jobs.run_pending()] == [6]
    assert not submit(shop.add_task, args=[1], **quiet).existing, "it began, and its key is free"
    waits = submit(shop.mail_task, kwargs={"to": 1})
    assert submit(shop.mail_task, kwargs={"to": 1}).id == waits.id
    latest = [submit(shop.add_task, args=[n], key="l", unique="latest") for n in (1, 2)]
    assert [ran.id for ran in jobs.run_pending() if ran.id in {one.id for one in latest}] == [latest[1].id]
    assert first.id != waits.id
    assert declared(shop.mail_task, {})["unique"] == "while_waiting"


def test_celerys_own_forms_run_too(jobs: Jobs) -> None:
    add = shop.add_task
    chained = chain(add.s(1, 1), add.s(2)).apply_async()
    together = chord(group(add.s(n, n) for n in (1, 2)), shop.sum_task.s()).apply_async()
    replaced = shop.relay_task.delay(4)
    add.apply_async((1, 2), link=add.s(5))
    steps = submit_chain([(add.name, Call([1])), (add.name, Call([], {"right": 8}))])
    many = submit_many(add, [[1], [2]])
    ran = jobs.run_pending()
    assert (chained.get(), together.get(), replaced.get()) == (4, 6, 5)
    assert sorted(found.result for found in ran if found.task == add.name) == sorted(
        [2, 4, 2, 4, 5, 3, 8, 2, 10, 2, 3]
    )
    last = Job.objects.get(id=steps[1].id)
    assert (last.state, last.result, last.args) == ("SUCCESS", 10, [2])
    assert {Job.objects.get(id=job.id).result for job in many} == {2, 3}


def test_a_job_without_an_end_is_an_error(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.testing.collected.RUNS_MOST", 20)
    shop.again_task.delay()
    with pytest.raises(AssertionError, match=r"20 runs, and no end: .*again_task is next"):
        jobs.run_pending()


@pytest.mark.django_db(transaction=True)
def test_with_real_commits_it_is_the_same(jobs: Jobs) -> None:
    with transaction.atomic():
        submit(shop.later_task)
    assert [ran.task.rpartition(".")[2] for ran in jobs.run_pending()] == ["later_task", "mail_task"]


class DjangosOwn(JobsMixin, TestCase):
    def test_a_test_case_has_them_too(self) -> None:
        with self.captureOnCommitCallbacks(execute=True):
            shop.mail_task.delay_on_commit(to=1)
        self.jobs.assert_submitted(shop.mail_task, to=1)
        self.jobs.run_pending()
        assert DONE == [("mail", 1)]


def test_a_loop_of_steps_asks_no_redis(jobs: Jobs, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.gate.desired.current", None)
    submit(shop.walk_task)
    assert jobs.run_pending()[0].result == 3
    assert DONE == [("step", 0), ("step", 1), ("step", 2)]
