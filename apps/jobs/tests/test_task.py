"""What the base class makes of a delivery: may it run, with which arguments, and what came of it."""

import math
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from celery import chord, current_app, shared_task
from celery.app.trace import TraceInfo
from celery.backends.redis import RedisBackend
from celery.exceptions import Reject
from celery.result import AsyncResult

from apps.jobs.errors import ArgumentError
from apps.jobs.models import Attempt, Job
from apps.jobs.task import JobTask, whole_seconds
from apps.jobs.tests.ledger import (  # noqa: F401
    backend,
    deliver,
    drain,
    entries,
    kinds,
    own_stream,
    request_of,
)  # fmt: skip
from apps.jobs.tests.ledger_tasks import (
    count_runs_task,
    fail_task,
    own_retry_task,
    quiet_task,
    recurse_task,
    replace_task,
    sum_task,
    times,
    wrong_limits_task,
)  # fmt: skip
from apps.jobs.tests.mailbox import Letter, Line, delayed, empty, letters
from apps.jobs.tests.sample_tasks import add_task

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("no_others", "own_stream")]

DELIVERED = {"routing_key": "default", "exchange": "tasks", "redelivered": False, "priority": 4}

calls: list[Any] = []


@shared_task(name="test_task.record")
def record(day: date, count: int = 1) -> str:
    calls.append((day, count))
    return "done"


@shared_task(bind=True, name="test_task.hand_over")
def hand_over(self: Any, priority: Any) -> None:
    raise self.replace(own_retry_task.s().set(priority=priority))


@pytest.fixture(autouse=True)
def empty_queues(no_others: None) -> Iterator[None]:
    calls.clear()
    empty()
    yield
    empty()


def next_try() -> Letter:
    """The one message that was sent, wherever it waits."""
    (found,) = [*letters(), *delayed()]
    return found


def test_every_shared_task_has_the_base_class() -> None:
    assert isinstance(current_app.tasks[record.name], JobTask)


def test_arguments_arrive_in_their_declared_types() -> None:
    assert deliver(record, kwargs={"day": "2026-02-28", "count": "2"}) == "SUCCESS"
    assert calls == [(date(2026, 2, 28), 2)]


def test_wrong_arguments_fail_with_their_names_and_never_reach_the_code() -> None:
    deliver(record, kwargs={"day": "yesterday", "counts": 1})
    drain()
    job = Job.objects.get()
    assert (job.state, job.reason, calls) == ("FAILURE", "arguments", [])
    assert "counts" in job.error
    assert letters() == []


def test_a_direct_call_is_a_plain_function_call() -> None:
    assert record(date(2026, 1, 1)) == "done"
    with pytest.raises(ValueError, match="bug"):
        fail_task("bug")
    assert entries() == []


def test_a_task_may_call_itself_as_a_function() -> None:
    assert deliver(recurse_task, 3) == "SUCCESS"
    drain()
    assert (Job.objects.get().result, Job.objects.get().attempts) == (3, 1)


def test_an_eager_run_is_none_of_the_ledgers_business() -> None:
    assert add_task.apply(args=(1, 2)).get() == 3
    assert isinstance(record.apply(kwargs={"day": "?"}).result, ArgumentError)
    assert entries() == []


def test_the_same_message_twice_runs_once() -> None:
    assert deliver(count_runs_task, "same") == "SUCCESS"
    assert deliver(count_runs_task, "same") == "IGNORED"
    assert times("same") == 1


def test_another_job_of_the_same_call_runs() -> None:
    deliver(count_runs_task, "both", id="one")
    deliver(count_runs_task, "both", id="two")
    assert times("both") == 2


@pytest.mark.parametrize("mark", ["mark_as_revoked", "mark_as_failure"])
def test_a_message_of_an_ended_job_does_not_run(mark: str) -> None:
    given: Any = "revoked" if mark == "mark_as_revoked" else ValueError()
    getattr(backend(), mark)("one", given)
    assert deliver(count_runs_task, "ended") == "IGNORED"
    assert times("ended") == 0


def test_an_unknown_error_is_tried_again_by_policy() -> None:
    assert deliver(fail_task, "bug", delivery_info=DELIVERED) == "RETRY"
    letter = next_try()
    assert (letter.headers["retries"], letter.headers["submitted_at"]) == (1, 1_790_000_000.5)
    drain()
    job, attempt = Job.objects.get(), Attempt.objects.get()
    assert (job.state, job.error) == ("RETRY", "ValueError: bug")
    assert (attempt.outcome, attempt.error_kind, attempt.error_message) == ("retry", "ValueError", "bug")
    assert "ledger_tasks.py" in attempt.trace


def test_a_temporary_error_is_tried_again_when_it_says() -> None:
    before = datetime.now(UTC)
    deliver(fail_task, "temporary", delivery_info=DELIVERED)
    eta = datetime.fromisoformat(next_try().headers["eta"])
    assert timedelta(seconds=6) < eta - before < timedelta(seconds=12)


def test_the_last_error_is_the_outcome_when_tries_are_used_up() -> None:
    assert deliver(fail_task, "bug", retries=2, delivery_info=DELIVERED) == "FAILURE"
    drain()
    assert (Job.objects.get().reason, Job.objects.get().error) == ("error", "ValueError: bug")
    assert letters() == []


def test_the_limit_in_time_ends_the_tries(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fail_task, "retry_within_seconds", 60)
    assert deliver(fail_task, "bug", delivery_info=DELIVERED) == "FAILURE"  # submitted long ago
    assert letters() == []


def test_a_permanent_error_fails_at_once() -> None:
    assert deliver(fail_task, "permanent", delivery_info=DELIVERED) == "FAILURE"
    assert letters() == []


def test_a_retry_by_celerys_own_method_runs_at_once() -> None:
    assert deliver(own_retry_task, delivery_info=DELIVERED) == "RETRY"
    letter = next_try()
    assert (letter.queue, letter.headers["retries"]) == ("default", 1)
    assert deliver(own_retry_task, retries=1, delivery_info=DELIVERED) == "SUCCESS"


def test_a_snooze_costs_no_retry_and_keeps_the_links() -> None:
    link = [dict(add_task.s(1))]
    assert deliver(fail_task, "snooze", delivery_info=DELIVERED, callbacks=link, chain=link) == "IGNORED"
    letter = next_try()
    assert (letter.headers["retries"], letter.id) == (0, "one")
    assert [part["task"] for part in letter.body[2]["chain"]] == [add_task.name]
    assert len(letter.body[2]["callbacks"]) == 1
    drain()
    job, attempt = Job.objects.get(), Attempt.objects.get()
    assert (job.state, job.reason, attempt.outcome) == ("PENDING", "snoozed", "snoozed")
    assert (attempt.error_message, job.error) == ("closed", "")
    assert job.due_at is not None


@pytest.mark.parametrize("task", [fail_task, own_retry_task])
@pytest.mark.parametrize("kind", ["bug", "temporary", "snooze"])
def test_a_broker_that_is_away_at_the_retry_brings_the_message_back(
    broker: str, task: Any, kind: str
) -> None:
    args = [kind] if task is fail_task else []
    line = Line(broker)
    line.cut()
    with line.leading_there():
        assert rejection(lambda: deliver(task, *args, delivery_info=DELIVERED)).requeue
    assert deliver(count_runs_task, "again", delivery_info=DELIVERED | {"redelivered": True}) == "SUCCESS"


def test_a_retry_that_can_never_be_sent_is_a_failure() -> None:
    """It would come back at once, for ever."""
    assert deliver(wrong_limits_task, delivery_info=DELIVERED) == "FAILURE"
    drain()
    assert "soft_time_limit" in Job.objects.get().error


@pytest.mark.parametrize("redelivered", [True, False])
def test_a_chord_counts_a_member_that_ended_without_being_counted(redelivered: bool) -> None:
    """Its worker died after the result was stored and before the chord was told."""
    header, body = [add_task.s(n, 1).set(task_id=f"part-{n}") for n in range(2)], sum_task.s()
    chord(header, body.set(task_id="body")).apply_async()
    parts = {letter.id: letter for letter in letters()}
    backend().store_result("part-0", 1, "SUCCESS", request=request_of("part-0"))
    for letter in parts.values():
        info = DELIVERED | {"redelivered": redelivered}
        deliver(add_task, *letter.body[0], **{**letter.headers, **letter.body[2], "delivery_info": info})
    assert [letter.id for letter in letters()] == ["body"]


def test_a_replaced_task_goes_on_as_another() -> None:
    deliver(replace_task, 1, delivery_info=DELIVERED)
    letter = next_try()
    assert (letter.id, letter.headers["task"], letter.headers["replaced_task_nesting"]) == (
        "one", add_task.name, 1,
    )  # fmt: skip
    assert deliver(add_task, *letter.body[0], **{**letter.headers, "kwargs": letter.body[1]}) == "SUCCESS"
    drain()
    assert (Job.objects.get().result, Job.objects.get().attempts) == (11, 2)
    assert not Attempt.objects.filter(finished_at=None).exists()
    assert AsyncResult("one").get(timeout=1) == 11


@pytest.mark.parametrize(("given", "sent"), [(None, 4), (0, 9), (9, 0)])
def test_a_replacement_has_its_own_priority_and_its_retry_the_same(given: int | None, sent: int) -> None:
    """RabbitMQ has the highest number first."""
    deliver(hand_over, given, delivery_info=DELIVERED)
    first = next_try()
    info = DELIVERED | {"priority": first.properties["priority"]}
    deliver(own_retry_task, **{**first.headers, "kwargs": first.body[1], "delivery_info": info})
    second = next_try()
    assert (second.headers["retries"], second.headers["replaced_task_nesting"]) == (1, 1)
    assert [first.properties["priority"], second.properties["priority"]] == [sent, sent]


def test_a_task_that_ignores_itself_is_not_said_to_run_for_ever() -> None:
    assert deliver(fail_task, "ignore") == "IGNORED"
    drain()
    assert Job.objects.get().finished_at is not None
    assert Attempt.objects.get().finished_at is not None


@pytest.mark.parametrize(("how", "state"), [("well", "SUCCESS"), ("fail", "FAILURE"), ("retry", "RETRY")])
def test_an_ignored_result_is_in_the_ledger(how: str, state: str) -> None:
    deliver(quiet_task, how, how, ignore_result=True, delivery_info=DELIVERED)
    drain()
    assert (Job.objects.get().state, Attempt.objects.get().outcome) == (state, state.lower())
    assert AsyncResult("one").state not in (state,)


def test_a_start_is_told_to_waiters_only_if_it_is_asked_for(
    settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.CELERY_TASK_TRACK_STARTED = False
    found: list[str] = []
    monkeypatch.setattr(count_runs_task, "run", lambda: found.append(AsyncResult("one").state))
    deliver(count_runs_task)
    assert found == ["PENDING"]
    drain()
    assert Job.objects.get().state == "SUCCESS"
    assert Job.objects.get().first_started_at is not None


def test_a_task_on_another_backend_just_runs() -> None:
    count_runs_task.backend = RedisBackend(app=current_app, url=str(backend().url))
    try:
        assert deliver(count_runs_task, "elsewhere") == "SUCCESS"
    finally:
        count_runs_task.backend = None
    assert (times("elsewhere"), entries()) == (1, [])


def test_celerys_own_outcomes_pass_through_an_eager_run() -> None:
    assert [fail_task.apply(args=(kind,)).state for kind in ("ignore", "snooze")] == ["IGNORED"] * 2


@pytest.mark.parametrize(("given", "sent"), [(0.2, 1), (1.5, 2), (0, None), (-5, None), (60, 60)])
def test_a_countdown_is_whole_seconds(given: float, sent: int | None) -> None:
    assert whole_seconds({"countdown": given})["countdown"] == sent


def test_a_moment_that_has_passed_is_no_delay() -> None:
    assert whole_seconds({"eta": datetime.now(UTC) - timedelta(hours=1)})["eta"] is None


@pytest.mark.parametrize("zone", [UTC, None])
def test_a_moment_too_near_is_moved_to_a_second_from_now(zone: Any) -> None:
    now = datetime.now(UTC).replace(tzinfo=zone)
    soon = whole_seconds({"eta": now + timedelta(milliseconds=10)})["eta"]
    assert math.floor((soon - now).total_seconds()) >= 0
    assert soon >= now + timedelta(milliseconds=900)


def rejection(work: Callable[[], object]) -> Any:
    """What a task told Celery of its message."""
    seen: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(TraceInfo, "handle_reject", lambda self, *_, **__: seen.append(self.retval))
        work()
    (found,) = seen
    assert isinstance(found, Reject)
    return found
