"""What the base class makes of arguments, errors and delays."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from celery import current_app, shared_task
from celery.exceptions import Ignore, Retry

from apps.jobs.errors import ArgumentError, PermanentError, TemporaryError
from apps.jobs.task import JobTask, whole_seconds

calls: list[Any] = []


@shared_task(name="test_task.record")
def record(day: date, count: int = 1) -> str:
    calls.append((day, count))
    return "done"


@shared_task(name="test_task.fail", bind=True)
def fail(self: Any, kind: str) -> None:
    calls.append(kind)
    raise {
        "temporary": TemporaryError("busy", retry_after_seconds=7),
        "permanent": PermanentError("no such user"),
        "ignore": Ignore(),
    }.get(kind, ValueError(kind))


@pytest.fixture(autouse=True)
def no_calls() -> None:
    calls.clear()


@pytest.fixture
def published(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """Retries as they would go to the broker."""
    options: list[dict[str, Any]] = []

    def retry(self: JobTask, **given: Any) -> Retry:
        options.append(given)
        return Retry()

    monkeypatch.setattr(JobTask, "retry", retry)
    return options


def test_every_shared_task_has_the_base_class() -> None:
    assert isinstance(current_app.tasks[record.name], JobTask)


def test_arguments_arrive_in_their_declared_types() -> None:
    assert record.apply(kwargs={"day": "2026-02-28", "count": "2"}).get() == "done"
    assert calls == [(date(2026, 2, 28), 2)]


def test_wrong_arguments_never_reach_the_code() -> None:
    result = record.apply(kwargs={"day": "yesterday", "counts": 1})
    assert isinstance(result.result, ArgumentError)
    assert set(result.result.problems) == {"counts"}
    assert calls == []


def test_a_direct_call_is_a_plain_function_call() -> None:
    assert record(date(2026, 1, 1)) == "done"
    with pytest.raises(ValueError, match="bug"):
        fail("bug")


def test_a_temporary_error_is_tried_again_when_it_says(published: list[dict[str, Any]]) -> None:
    fail.apply(args=("temporary",))
    assert published[0]["countdown"] == 7


def test_an_unknown_error_is_tried_again_by_policy(published: list[dict[str, Any]]) -> None:
    fail.apply(args=("bug",))
    assert published[0]["countdown"] == 60
    assert isinstance(published[0]["exc"], ValueError)


def test_a_permanent_error_fails_at_once(published: list[dict[str, Any]]) -> None:
    result = fail.apply(args=("permanent",))
    assert result.state == "FAILURE"
    assert published == []


def test_celerys_own_outcomes_pass_through(published: list[dict[str, Any]]) -> None:
    fail.apply(args=("ignore",))
    assert published == []


def test_the_last_error_is_the_outcome_when_tries_are_used_up() -> None:
    result = fail.apply(args=("bug",), retries=3)
    assert result.state == "FAILURE"
    assert isinstance(result.result, ValueError)


@pytest.mark.parametrize(("given", "sent"), [(0.2, 1), (1.5, 2), (0, None), (-5, None), (60, 60)])
def test_a_countdown_is_whole_seconds(given: float, sent: int | None) -> None:
    assert whole_seconds({"countdown": given})["countdown"] == sent


def test_a_moment_that_has_passed_is_no_delay() -> None:
    assert whole_seconds({"eta": datetime.now(UTC) - timedelta(hours=1)})["eta"] is None


def test_a_moment_too_near_is_moved_to_a_second_from_now() -> None:
    soon = whole_seconds({"eta": datetime.now(UTC) + timedelta(milliseconds=10)})["eta"]
    assert soon >= datetime.now(UTC) + timedelta(milliseconds=900)
