"""What becomes of entries in PostgreSQL: Job, TaskResult and Attempt, column by column."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from django_celery_results.models import TaskResult

from apps.jobs.models import Attempt, Job
from apps.jobs.stream.names import place
from apps.jobs.tests.ledger import TASK
from apps.recorder.batch import Entry
from apps.recorder.recording import record

pytestmark = pytest.mark.django_db

BASE = 1_790_000_000_000  # milliseconds
WORKER = {"name": TASK, "worker": "first@here", "instance": "first@here#1", "queue": "default"}


def at(number: int) -> str:
    return f"{BASE + number}-0"


def moment(number: int) -> datetime:
    return datetime.fromtimestamp((BASE + number) / 1000, UTC)


def entry(number: int, kind: str, document: Any = None, job_id: str = "one", **fields: Any) -> Entry:
    text = document if isinstance(document, str) else json.dumps(document or {})
    given = {"kind": kind, "id": job_id, "doc": text, **fields}
    return at(number).encode(), {name.encode(): str(value).encode() for name, value in given.items()}


def start(number: int, n: int = 1, **fields: Any) -> Entry:
    return entry(number, "STARTED", {"status": "STARTED", **WORKER}, n=n, **fields)


def end(number: int, kind: str, token: int | None = None, n: int = 1, **document: Any) -> Entry:
    fields: dict[str, Any] = {"n": n, "token": at(token) if token else ""}
    return entry(number, kind, {"status": kind, **WORKER, **document}, **fields)


def written(**more: Any) -> Job:
    given = {
        "id": "one", "task": TASK, "queue": "default", "priority": 5, "args": [1], "kwargs": {},
        "submitted_at": moment(0), "outbox": {},
    }  # fmt: skip
    return Job.objects.create(**{**given, **more})


def job() -> Job:
    return Job.objects.get(id="one")


def test_a_job_that_ran_has_all_its_times() -> None:
    written()
    record([entry(5, "published", ""), start(10), end(40, "SUCCESS", 10, result=7)])
    found = job()
    times = (found.submitted_at, found.published_at, found.first_started_at, found.started_at)
    assert times == (moment(0), moment(5), moment(10), moment(10))
    assert found.finished_at == moment(40)
    assert (found.wait_time, found.run_time) == (timedelta(milliseconds=10), timedelta(milliseconds=30))
    assert (found.state, found.result, found.attempts, found.outbox) == ("SUCCESS", 7, 1, None)
    assert (found.worker, found.instance) == ("first@here", "first@here#1")


def test_a_job_nobody_wrote_down_gets_its_row() -> None:
    call = {"name": TASK, "args": [1], "kwargs": {"a": 2}, "submitted_at": BASE / 1000, "queue": "report"}
    record([entry(5, "submitted", call)])
    found = job()
    assert (found.task, found.queue, found.args, found.kwargs) == (TASK, "report", [1], {"a": 2})
    assert (found.state, found.submitted_at, found.published_at) == ("PENDING", moment(0), moment(5))
    assert (found.priority, found.tags, found.redacted, found.source) == (None, [], [], "code")


def test_who_started_before_it_was_submitted_was_submitted_all_the_same() -> None:
    """A worker may be faster than the publisher's note."""
    record([start(10)])
    record([entry(12, "submitted", {"name": TASK, "submitted_at": BASE / 1000, "args": [1]})])
    assert (job().submitted_at, job().state, job().args) == (moment(0), "STARTED", [1])


def test_what_submit_wrote_stays() -> None:
    written(submitted_at=moment(0), args=["[redacted]"], redacted=["left"], source="page")
    record([entry(1, "submitted", {"submitted_at": BASE / 1000 - 60, "args": [9], "name": "other"})])
    found = job()
    assert (found.submitted_at, found.args, found.task, found.source) == (
        moment(0), ["[redacted]"], TASK, "page",
    )  # fmt: skip


def test_tries_are_kept_apart() -> None:
    record([
        start(10), end(20, "RETRY", 10, error_kind="ValueError", error_message="no", traceback="t1"),
        start(30, n=2), end(40, "SUCCESS", 30, n=2),
    ])  # fmt: skip
    first, second = Attempt.objects.order_by("token")
    assert (first.number, first.outcome, first.error_kind, first.trace) == (1, "retry", "ValueError", "t1")
    assert (first.started_at, first.finished_at) == (moment(10), moment(20))
    assert (second.number, second.outcome, second.error_message) == (2, "success", "")
    assert (first.token, second.token) == (place(at(10)), place(at(30)))


def test_first_and_last_start_are_two_columns() -> None:
    record([start(10), end(20, "RETRY", 10)])
    record([start(30, n=2)])
    assert (job().first_started_at, job().started_at) == (moment(10), moment(30))


def test_a_late_entry_changes_no_state_and_fills_in_what_is_missing() -> None:
    record([end(40, "SUCCESS", 10, result=7)])
    record([start(10)])
    found = job()
    assert (found.state, found.result, found.finished_at) == ("SUCCESS", 7, moment(40))
    assert (found.started_at, found.worker, found.attempts) == (moment(10), "first@here", 1)
    assert TaskResult.objects.get().date_started == moment(10)
    assert TaskResult.objects.get().status == "SUCCESS"


def test_the_worker_is_that_of_the_latest_try() -> None:
    second = entry(30, "STARTED", {**WORKER, "worker": "second@here"}, n=2)
    record([second])
    record([start(10)])
    assert job().worker == "second@here"


@pytest.mark.parametrize("again", ["STARTED", "RETRY", "FAILURE", "REVOKED", "SNOOZED", "lost"])
def test_an_ended_job_stays_ended(again: str) -> None:
    record([end(20, "SUCCESS", result=7)])
    record([entry(30, again, {"status": again, "result": "late"}, n=9)])
    found = job()
    assert (found.state, found.result, found.finished_at) == ("SUCCESS", 7, moment(20))
    assert TaskResult.objects.get().status == "SUCCESS"


@pytest.mark.parametrize("apart", [True, False])
def test_a_reopened_job_goes_on(apart: bool) -> None:
    lived = [
        end(20, "FAILURE", error="no"), entry(30, "reopened"), start(40, n=2, since=at(30)),
        entry(50, "SUCCESS", {"status": "SUCCESS", "result": 7}, n=2, token=at(40), since=at(30)),
    ]  # fmt: skip
    for batch in [[one] for one in lived] if apart else [lived]:
        record(batch)
    assert (job().state, job().result, job().error, job().finished_at) == ("SUCCESS", 7, "", moment(50))
    assert TaskResult.objects.get().status == "SUCCESS"


def test_what_comes_after_a_reopening_may_be_recorded_before_it() -> None:
    record([end(20, "FAILURE")])
    record([start(40, since=at(30))])
    record([entry(30, "reopened")])
    assert (job().state, job().finished_at) == ("STARTED", None)


@pytest.mark.parametrize(
    ("kind", "reason"), [("SNOOZED", "snoozed"), ("lost", "worker_lost"), ("reopened", "sent_again")]
)
def test_a_job_that_waits_says_why(kind: str, reason: str) -> None:
    record([start(10), entry(20, kind, {"why": "x"}, n=1, token=at(10))])
    assert (job().state, job().reason) == ("PENDING", reason)
    record([start(30, n=2, since=at(20) if kind == "reopened" else "")])
    assert (job().state, job().reason) == ("STARTED", "")


def test_a_snoozed_job_says_until_when() -> None:
    record([start(10), entry(20, "SNOOZED", {"seconds": 60}, n=1, token=at(10))])
    assert job().due_at == moment(20) + timedelta(seconds=60)
    record([start(61_000, n=2)])
    assert job().due_at is None


@pytest.mark.parametrize(
    "news",
    [entry(5, "published", ""), start(5), end(5, "SUCCESS"), end(5, "REVOKED")],
    ids=["published", "started", "succeeded", "revoked"],
)
def test_what_tells_of_a_message_empties_the_outbox(news: Entry) -> None:
    written()
    record([news])
    assert job().outbox is None


@pytest.mark.parametrize("news", [entry(5, "told", {"status": "PROGRESS"}), entry(5, "reopened")])
def test_what_does_not_leaves_it(news: Entry) -> None:
    written()
    record([news])
    assert job().outbox == {}


def test_old_news_leaves_an_outbox_that_was_filled_again() -> None:
    written(outbox={"since": place(at(30))})
    record([entry(5, "published", ""), start(10), end(20, "FAILURE", 10), entry(30, "reopened")])
    assert job().outbox == {"since": place(at(30))}
    record([entry(40, "published", "")])
    assert job().outbox is None


def test_a_state_of_the_tasks_own_is_in_the_mirror_alone() -> None:
    record([start(10), entry(20, "told", {"status": "PROGRESS", "result": {"done": 1}, **WORKER})])
    assert job().state == "STARTED"
    assert (TaskResult.objects.get().status, TaskResult.objects.get().result) == ("PROGRESS", '{"done": 1}')


def test_it_gives_way_to_what_came_after_it() -> None:
    record([end(30, "RETRY", 10)])
    record([entry(20, "told", {"status": "PROGRESS", "result": 1})])
    assert TaskResult.objects.get().status == "RETRY"


def test_an_end_of_a_try_without_the_job_is_only_the_trys() -> None:
    record([start(10), start(20, n=2), end(30, "SUCCESS", 20, n=2)])
    record([entry(40, "ended", {"error_kind": "ValueError"}, n=1, token=at(10), **{"as": "FAILURE"})])
    assert job().state == "SUCCESS"
    first, second = Attempt.objects.order_by("token")
    assert (first.outcome, first.error_kind, second.outcome) == ("failure", "ValueError", "success")


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0), (0, 2, 1)])
def test_of_two_ends_of_one_try_the_later_is_kept(order: tuple[int, ...]) -> None:
    lived = [start(10), entry(20, "lost", {}, n=1, token=at(10)), end(30, "SUCCESS", 10)]
    for number in order:
        record([lived[number]])
    found = Attempt.objects.get()
    assert (found.outcome, found.finished_at, found.started_at) == ("success", moment(30), moment(10))


def test_the_queue_is_named_without_its_delay() -> None:
    delayed = "0." * 22 + "1.1.1.1.0.0.report"
    record([entry(10, "STARTED", {"name": TASK, "queue": delayed}, n=1)])
    assert job().queue == "report"


def test_two_entries_of_one_millisecond_have_an_order() -> None:
    first, second = f"{BASE}-0", f"{BASE}-1"
    for entry_id, kind in ((second, "SUCCESS"), (first, "STARTED")):
        fields = {b"kind": kind.encode(), b"id": b"one", b"doc": b"{}", b"n": b"1"}
        record([(entry_id.encode(), fields)])
    assert job().state == "SUCCESS"
    assert job().finished_at == moment(0) + timedelta(microseconds=1)


def test_redacted_names_are_kept() -> None:
    record([entry(1, "submitted", {"name": TASK, "args": ["[redacted]"], "redacted": ["token", "a.b"]})])
    assert job().redacted == ["token", "a.b"]


def test_names_that_are_too_long_for_the_mirror_are_cut_there() -> None:
    long = "w" * 150
    record([entry(10, "STARTED", {"name": TASK, "worker": long, "argsrepr": "(1,)"}, n=1)])
    assert (job().worker, TaskResult.objects.get().worker) == (long, long[:100])


def test_a_thousand_jobs_are_two_statements(django_assert_num_queries: Any) -> None:
    entries = [start(n)[1] | {b"id": f"job-{n}".encode()} for n in range(1000)]
    with django_assert_num_queries(4):  # and a savepoint
        record([(at(n).encode(), fields) for n, fields in enumerate(entries)])
    assert Job.objects.count() == Attempt.objects.count() == TaskResult.objects.count() == 1000


def test_the_mirror_is_dated_by_redis_clock() -> None:
    record([start(10), end(20, "SUCCESS", 10)])
    row = TaskResult.objects.get()
    assert (row.date_done, row.date_started) == (moment(20), moment(10))
    assert row.date_done < timezone.now()
