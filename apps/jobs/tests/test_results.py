"""TaskResult holds what django-celery-results would have written itself, and Redis what waiters read."""

import json
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from celery import current_app
from celery.app.task import Context
from celery.exceptions import Reject, SoftTimeLimitExceeded
from celery.result import AsyncResult, GroupResult
from django.conf import settings as django_settings
from django.utils import timezone
from django_celery_results.backends.database import DatabaseBackend
from django_celery_results.models import GroupResult as GroupRow
from django_celery_results.models import TaskResult

from apps.jobs.errors import ArgumentError, TemporaryError
from apps.jobs.models import Attempt, Job
from apps.jobs.stream.names import tries_key
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.tests.ledger import backend, drain, own_stream, request_of, started  # noqa: F401

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("own_stream")]

STOCK = type("Stock", (DatabaseBackend,), {"supports_failure_expires": True})  # it warns otherwise
JSON_TEXTS = ("task_args", "task_kwargs", "result", "meta")
TIMES = ("date_created", "date_started", "date_done")


def like_stock(mark: str, *given: Any, **of_request: Any) -> TaskResult:
    """Tells both backends the same, checks that both rows are equal, and returns ours."""
    stock = STOCK(app=current_app)
    for number, store in enumerate((stock, backend())):
        request = request_of(f"job-{number}", **of_request)
        if store is not stock:
            started(request)
        getattr(store, mark)(request.id, *given, request=request)
    drain()
    theirs, ours = (TaskResult.objects.get(task_id=f"job-{number}") for number in range(2))
    assert columns(ours) == columns(theirs)
    assert abs(ours.date_done - theirs.date_done) < timedelta(seconds=5)
    return ours


def columns(row: TaskResult) -> dict[str, Any]:
    """What a reader finds in them: the same JSON may be written in two ways."""
    names = [column.attname for column in TaskResult._meta.fields]
    found = {name: getattr(row, name) for name in names if name not in ("id", "task_id", *TIMES)}
    return found | {name: json.loads(found[name] or "null") for name in JSON_TEXTS}


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1.5, 2**70, "", "Łódź", "🎉 done", "a\\u0000b", [], {}, [1, [2, {"three": None}]],
        {"Ü": "ü", "nested": {"deep": [1.0, "x"]}}, "x" * 20_000, Decimal("1.10"), (1, 2),
        datetime(2026, 2, 28, 12, tzinfo=UTC), UUID(int=7), {"when": datetime(2026, 1, 1, tzinfo=UTC)},
        {"mixed": Decimal("2.5"), "emoji": "🎉"}, b"bytes", list(range(1000)),
    ],
    ids=repr,
)  # fmt: skip
def test_a_success_is_written_as_stock_writes_it(value: Any) -> None:
    row = like_stock("mark_as_done", value)
    assert row.status == "SUCCESS"


class OddError(Exception):
    """With what JSON doesn't know among its arguments."""


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no such file"), KeyError("name"), ValueError(), OSError(2, "missing", "/tmp/x"),
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "bad"), OddError({1, 2}, object), OddError("Ł🎉"),
        ArgumentError({"left": "expected a number"}), TemporaryError("busy", retry_after_seconds=3),
        SoftTimeLimitExceeded(), Reject("no", requeue=False), ExceptionGroup("two", [ValueError("a")]),
    ],
    ids=lambda error: type(error).__name__,
)  # fmt: skip
@pytest.mark.parametrize("mark", ["mark_as_failure", "mark_as_retry"])
def test_an_error_is_written_as_stock_writes_it(mark: str, error: Exception) -> None:
    row = like_stock(mark, error, "Traceback …\nValueError")
    assert row.traceback == "Traceback …\nValueError"


@pytest.mark.parametrize("reason", ["revoked", "expired", "terminated", ""])
def test_a_revoke_is_written_as_stock_writes_it(reason: str) -> None:
    assert like_stock("mark_as_revoked", reason).status == "REVOKED"


def test_a_state_of_the_tasks_own_is_written_as_stock_writes_it() -> None:
    row = like_stock("store_result", {"done": 3}, "PROGRESS")
    assert (row.status, row.result) == ("PROGRESS", '{"done": 3}')


@pytest.mark.parametrize(
    "of_request",
    [
        {"periodic_task_name": "every night"},
        {"argsrepr": "('***',)", "kwargsrepr": "{'token': '***'}"},
        {"argsrepr": None, "kwargsrepr": None},
        {"args": [], "kwargs": {}, "argsrepr": "()", "kwargsrepr": "{}"},
        {"meta": {"key": "value"}},
        {"_children": [AsyncResult("child"), GroupResult("many", [AsyncResult("a"), AsyncResult("b")])]},
        {"task": "somebody.elses"},
        {"parent_id": "p", "root_id": "r", "group": "g"},
    ],
    ids=lambda given: next(iter(given)),
)
def test_what_the_message_says_is_written_as_stock_writes_it(of_request: dict[str, Any]) -> None:
    like_stock("mark_as_done", 1, **of_request)


def test_a_start_is_written_as_stock_writes_it() -> None:
    request = started(request_of("ours"))
    drain()
    stock = STOCK(app=current_app)
    row = TaskResult.objects.get(task_id="ours")
    process = stock.get_task_meta("ours")["result"]
    stock.store_result("theirs", process, "STARTED", request=request_of("theirs"))
    assert columns(row) == columns(TaskResult.objects.get(task_id="theirs"))
    assert process["hostname"] == request.hostname
    assert row.date_started is not None
    assert abs(timezone.now() - row.date_started) < timedelta(seconds=5)


def test_an_end_keeps_when_the_job_was_started() -> None:
    request = started(request_of("one"))
    backend().mark_as_done("one", 1, request)
    drain()
    row = TaskResult.objects.get()
    assert row.date_created <= row.date_started <= row.date_done


def test_a_revoke_by_somebody_else_keeps_what_is_known_of_the_call() -> None:
    started(request_of("one"))
    drain()
    backend().mark_as_revoked("one", "revoked")
    drain()
    row = TaskResult.objects.get()
    assert (row.status, row.task_args, row.worker) == ("REVOKED", '"(1,)"', "first@here")
    assert Job.objects.get().args == [1]


@pytest.mark.parametrize(
    ("value", "kept"),
    [("a\x00b", "a\\x00b"), (float("nan"), "nan"), ([float("inf")], ["inf"]), ("\ud800", "�")],
)
def test_what_postgresql_cannot_hold_is_replaced(value: Any, kept: Any) -> None:
    request = started(request_of("one"))
    backend().mark_as_done("one", value, request)
    drain()
    assert Job.objects.get().result == kept
    assert STOCK(app=current_app).get_task_meta("one")["result"] == kept


def test_a_trace_with_nul_is_kept() -> None:
    request = started(request_of("one"))
    backend().mark_as_failure("one", ValueError("no\x00file"), "Traceback\x00 …", request)
    drain()
    assert TaskResult.objects.get().traceback == "Traceback\\x00 …"
    assert Attempt.objects.get().error_message == "no\\x00file"


def test_a_large_result_is_whole_in_redis_and_noted_in_the_ledger() -> None:
    request, large = started(request_of("one")), "x" * (django_settings.LEDGER_DOCUMENT_MAX_BYTES + 1)
    backend().mark_as_done("one", large, request)
    drain()
    job = Job.objects.get()
    assert AsyncResult[Any]("one").result == large
    assert job.result is None
    assert job.note.startswith(f"result: {len(large) + 2} bytes, more than the ledger keeps")
    assert (job.state, job.args, TaskResult.objects.get().result) == ("SUCCESS", [1], "null")


def test_an_ignored_result_is_not_in_redis_but_in_the_ledger() -> None:
    request = started(request_of("one", ignore_result=True))
    backend().mark_as_done("one", 7, request, store_result=False)
    drain()
    assert (Job.objects.get().state, Job.objects.get().result) == ("SUCCESS", 7)
    assert AsyncResult("one").state != "SUCCESS"


@pytest.mark.parametrize("mark", ["mark_as_failure", "mark_as_revoked"])
def test_an_ignored_end_is_in_the_ledger_too(mark: str) -> None:
    request = started(request_of("one", ignore_result=True))
    given = ValueError("no") if mark == "mark_as_failure" else "expired"
    getattr(backend(), mark)("one", given, request=request, store_result=False)
    drain()
    assert Job.objects.get().finished_at is not None


def test_waiters_hear_of_the_end() -> None:
    redis: Any = stream_redis()
    with redis.pubsub() as pubsub:
        pubsub.subscribe(backend().get_key_for_task("one"))
        pubsub.get_message(timeout=1)
        backend().mark_as_done("one", 7, started(request_of("one")))
        said = [message for _ in range(2) if (message := pubsub.get_message(timeout=1))]
    assert b'"status": "SUCCESS"' in said[-1]["data"]


def test_an_end_is_told_in_one_round_trip(monkeypatch: pytest.MonkeyPatch) -> None:
    request, scripts = started(request_of("one")), backend().scripts
    asked, ask = list[str](), scripts.ask

    def noted(*words: Any) -> Any:
        asked.append(words[0])
        return ask(*words)

    monkeypatch.setattr(scripts, "ask", noted)
    backend().mark_as_done("one", 7, request)
    assert asked == ["EVALSHA"]


@pytest.mark.parametrize("later", ["RETRY", "FAILURE", "REVOKED", "SUCCESS", "PROGRESS"])
@pytest.mark.parametrize("end", ["SUCCESS", "FAILURE", "REVOKED"])
def test_an_end_is_never_overwritten(end: str, later: str) -> None:
    for value, state in ((1, end), (2, later)):
        result = value if state in ("SUCCESS", "PROGRESS") else ValueError(value)
        backend().store_result("one", result, state, request=request_of("one"))
    drain()
    assert AsyncResult("one").state == end
    assert (Job.objects.get().state, TaskResult.objects.get().status) == (end, end)


def test_a_job_that_has_ended_is_not_begun_again() -> None:
    backend().mark_as_done("one", 1, started(request_of("one")))
    again = request_of("one", delivery_info={"redelivered": True})
    assert backend().start(again, tracked=True).verdict == "ended"
    assert AsyncResult("one").state == "SUCCESS"


def test_results_are_kept_for_as_long_as_the_settings_say() -> None:
    backend().mark_as_done("good", 1, request_of("good"))
    backend().mark_as_failure("bad", ValueError(), request=request_of("bad"))
    kept = [int(stream_redis().ttl(backend().get_key_for_task(name))) for name in ("good", "bad")]
    assert kept == pytest.approx([backend().expires, backend().failure_expires], abs=5)
    assert stream_redis().ttl(tries_key("bad")) == pytest.approx(kept[1], abs=5)


def test_forgetting_a_result_forgets_it_everywhere() -> None:
    backend().mark_as_done("one", 1, started(request_of("one")))
    drain()
    AsyncResult("one").forget()
    assert AsyncResult("one").state == "PENDING"
    assert not TaskResult.objects.exists()
    assert Job.objects.get().state == "SUCCESS"  # the ledger doesn't forget


def test_a_group_is_kept_in_both() -> None:
    GroupResult("many", [AsyncResult("one"), AsyncResult("two")]).save()
    restored: Any = GroupResult.restore("many")
    assert [result.id for result in restored.results] == ["one", "two"]
    assert GroupRow.objects.get().group_id == "many"


def test_publishing_subscribes_to_nothing() -> None:
    backend().on_task_call(None, "one")
    assert "one" not in backend().result_consumer.subscribed_to


def test_a_full_redis_is_waited_for() -> None:
    from redis import exceptions

    assert backend().exception_safe_to_retry(exceptions.OutOfMemoryError("maxmemory"))
    assert backend().exception_safe_to_retry(exceptions.ConnectionError("gone"))
    assert not backend().exception_safe_to_retry(ValueError("a bug"))


def test_the_failure_of_a_chain_ends_the_steps_behind_it() -> None:
    later = {"task": "later", "args": [], "kwargs": {}, "options": {"task_id": "two"}}
    request = started(request_of("one", chain=[later]))
    backend().mark_as_failure("one", ValueError("no"), "trace", request)
    drain()
    assert set(Job.objects.values_list("id", "state", "task")) == {
        ("one", "FAILURE", request.task),
        ("two", "FAILURE", "later"),
    }


def test_a_context_of_headers_alone_is_enough() -> None:
    backend().mark_as_failure("one", ValueError("no"), request=Context(id="one", task="lost", args=None))
    drain()
    assert (Job.objects.get().task, Job.objects.get().args) == ("lost", None)
