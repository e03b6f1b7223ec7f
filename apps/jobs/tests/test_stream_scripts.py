"""Which delivery may run, and what an outcome changes: decided by Redis, in one step."""

from typing import Any

import pytest
from celery.result import AsyncResult

from apps.jobs.results import LIVE_SECONDS, Start
from apps.jobs.stream import documents
from apps.jobs.stream.names import place, tries_key
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.tests.ledger import (  # noqa: F401
    backend,
    entries,
    kinds,
    own_stream,
    request_of,
    started,
)  # fmt: skip

pytestmark = pytest.mark.usefixtures("own_stream")

GONE = documents.plain({"error": "gone"})


def ask(retries: int = 0, *, nesting: int = 0, redelivered: bool = False) -> Start:
    return backend().start(request(retries, nesting, redelivered), tracked=True)


def request(retries: int = 0, nesting: int = 0, redelivered: bool = False) -> Any:
    delivery = {"routing_key": "default", "redelivered": redelivered}
    return request_of("one", retries=retries, replaced_task_nesting=nesting, delivery_info=delivery)


def standing() -> dict[str, str]:
    found: Any = stream_redis().hgetall(tries_key("one"))
    return {name.decode(): value.decode() for name, value in found.items()}


def fields_of(place_from_end: int = 1) -> dict[str, str]:
    _, fields = entries()[-place_from_end]
    return {name.decode(): value.decode() for name, value in fields.items()}


def test_the_first_delivery_runs_and_is_counted() -> None:
    start = ask()
    assert (start.verdict, start.number) == ("run", 1)
    assert fields_of()["kind"] == "STARTED"
    assert start.token == entries()[0][0].decode()
    assert place(start.token) > 0


def test_a_second_copy_of_the_message_that_runs_is_refused() -> None:
    ask()
    assert ask().verdict == "copy"
    assert kinds() == ["STARTED"]


def test_a_message_that_was_delivered_before_runs_again() -> None:
    first, second = ask(), ask(redelivered=True)
    assert (second.verdict, second.number) == ("run", 2)
    assert second.token != first.token


@pytest.mark.parametrize("redelivered", [True, False])
@pytest.mark.parametrize("mark", ["mark_as_done", "mark_as_failure", "mark_as_revoked"])
def test_a_message_of_an_ended_job_is_refused(mark: str, redelivered: bool) -> None:
    run = started(request())
    given = {"mark_as_done": 1, "mark_as_failure": ValueError(), "mark_as_revoked": "revoked"}[mark]
    getattr(backend(), mark)("one", given, request=run)
    assert ask(redelivered=redelivered).verdict == "ended"
    assert ask(retries=5).verdict == "ended"


def test_a_job_that_was_revoked_before_it_began_never_runs() -> None:
    backend().mark_as_revoked("one", "revoked")
    assert ask().verdict == "ended"


def test_after_a_retry_only_the_next_message_runs() -> None:
    backend().mark_as_retry("one", ValueError(), request=started(request()))
    assert ask(redelivered=True).verdict == "superseded"
    assert ask(retries=1).verdict == "run"


def test_the_next_message_may_be_faster_than_the_retry_is_told() -> None:
    first = started(request())
    second = ask(retries=1)
    backend().mark_as_retry("one", ValueError("slow"), request=first)
    assert second.verdict == "run"
    assert standing()["s"] == "STARTED"
    assert fields_of()["kind"] == "ended"
    assert (fields_of()["as"], fields_of()["token"]) == ("RETRY", first.try_token)
    assert AsyncResult("one").state == "STARTED"


def test_a_replacement_runs_while_the_replaced_message_still_does() -> None:
    ask(retries=3)
    assert ask(retries=0, nesting=1).verdict == "run"
    assert ask(retries=3).verdict == "copy"


def test_a_snoozed_job_runs_again_from_the_same_message() -> None:
    for number in range(1, 4):
        run = started(request())
        assert run.try_number == number
        backend().snooze(run, "closed", 5)
        assert standing()["s"] == "SNOOZED"
    assert kinds() == ["STARTED", "SNOOZED"] * 3


def test_a_lost_try_waits_for_its_redelivery() -> None:
    run = started(request())
    assert backend().lose("one", GONE)
    assert (fields_of()["kind"], fields_of()["token"]) == ("lost", run.try_token)
    assert ask(redelivered=True).number == 2


@pytest.mark.parametrize("token", ["", "latest"])
def test_only_a_running_try_can_be_lost(token: str) -> None:
    run = started(request())
    backend().mark_as_done("one", 1, run)
    assert not backend().lose("one", GONE, run.try_token if token else "")
    assert kinds() == ["STARTED", "SUCCESS"]


def test_an_older_try_cannot_be_lost() -> None:
    old = started(request())
    new = ask(redelivered=True)
    assert not backend().lose("one", GONE, old.try_token)
    assert backend().lose("one", GONE, new.token)


def test_a_lost_job_nobody_knows_is_not_lost() -> None:
    assert not backend().lose("nobody", GONE)
    assert entries() == []


def test_a_worker_that_wakes_may_still_finish_its_lost_try() -> None:
    run = started(request())
    backend().lose("one", GONE)
    backend().mark_as_done("one", 1, run)
    assert standing()["s"] == "SUCCESS"
    assert ask(redelivered=True).verdict == "ended"


def test_the_first_end_wins_and_the_other_try_ends_for_itself() -> None:
    frozen = started(request())
    other = started(request(redelivered=True))
    backend().mark_as_done("one", "frozen", frozen)
    backend().mark_as_failure("one", ValueError("other"), request=other)
    assert AsyncResult[Any]("one").result == "frozen"
    assert kinds() == ["STARTED", "STARTED", "SUCCESS", "ended"]
    assert (fields_of()["as"], fields_of()["token"]) == ("FAILURE", other.try_token)


def test_a_second_end_of_the_same_try_says_nothing() -> None:
    run = started(request())
    backend().mark_as_done("one", 1, run)
    backend().mark_as_failure("one", ValueError(), request=run)
    backend().mark_as_revoked("one", "revoked")
    assert kinds() == ["STARTED", "SUCCESS"]


def test_an_end_by_somebody_else_is_that_of_the_running_try() -> None:
    run = started(request())
    backend().mark_as_revoked("one", "revoked")
    assert (fields_of()["token"], fields_of()["n"]) == (run.try_token, "1")
    backend().mark_as_done("one", 1, run)
    assert kinds() == ["STARTED", "REVOKED"]


@pytest.mark.parametrize("how", ["retry", "lost", "snoozed"])
def test_an_end_by_somebody_else_leaves_a_try_alone_that_is_over(how: str) -> None:
    run = started(request())
    if how == "retry":
        backend().mark_as_retry("one", ValueError(), request=run)
    elif how == "lost":
        backend().lose("one", GONE)
    else:
        backend().snooze(run, "", 5)
    backend().mark_as_revoked("one", "revoked")
    assert (fields_of()["kind"], fields_of()["token"]) == ("REVOKED", "")


def test_a_reopened_job_runs_again_and_goes_on_counting() -> None:
    backend().mark_as_failure("one", ValueError(), request=started(request(retries=3)))
    backend().reopen("one", "PENDING", documents.plain({"why": "asked"}))
    assert AsyncResult("one").state == "PENDING"
    start = ask(retries=0)
    assert (start.verdict, start.number) == ("run", 2)
    assert fields_of()["since"] == entries()[-2][0].decode()


def test_entries_after_a_reopening_tell_of_it() -> None:
    since = backend().reopen("one", "PENDING", "{}")
    reopened = entries()[0][0].decode()
    assert since == place(reopened)
    run = started(request())
    backend().lose("one", GONE)
    backend().mark_as_done("one", 1, run)
    assert [fields[b"since"].decode() for _, fields in entries()[1:]] == [reopened] * 3


def test_a_state_of_the_tasks_own_is_no_move() -> None:
    run = started(request())
    backend().store_result("one", {"done": 1}, "PROGRESS", request=run)
    assert (AsyncResult("one").state, standing()["s"]) == ("PROGRESS", "STARTED")
    assert kinds() == ["STARTED", "told"]


def test_an_untracked_start_is_told_to_the_ledger_and_not_to_waiters() -> None:
    assert backend().start(request(), tracked=False).verdict == "run"
    assert kinds() == ["STARTED"]
    assert AsyncResult("one").state == "PENDING"


@pytest.mark.parametrize("times", [1, 3])
def test_an_answer_that_is_lost_is_asked_for_again(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Redis may have counted the try already: without care it would be refused as a copy of itself."""
    from redis.exceptions import ConnectionError as Lost

    scripts, lost = backend().scripts, list[Any]()
    ask_redis = scripts.ask

    def lossy(*words: Any) -> Any:
        answer = ask_redis(*words)
        if words[0] == "EVALSHA" and len(lost) < times:
            lost.append(answer)
            raise Lost("the answer was on its way")
        return answer

    monkeypatch.setattr(scripts, "ask", lossy)
    start = ask()
    assert (start.verdict, start.number) == ("run", 1)
    assert kinds() == ["STARTED"]
    assert ask().verdict == "copy"


def test_what_is_known_of_a_waiting_job_outlives_the_longest_delay() -> None:
    backend().mark_as_retry("one", ValueError(), request=started(request()))
    assert stream_redis().ttl(tries_key("one")) == pytest.approx(LIVE_SECONDS, abs=5)


def test_a_redis_that_forgot_its_scripts_is_told_them_again() -> None:
    ask()
    stream_redis().script_flush()
    assert ask(redelivered=True).number == 2


def test_the_stream_is_bounded(settings: Any) -> None:
    settings.LEDGER_STREAM_MAX = 1000
    for number in range(1300):
        backend().store_result(f"job-{number}", 1, "SUCCESS")
    assert 1000 <= len(entries()) < 1300


def test_places_order_as_redis_does() -> None:
    ids = ["1-0", "1-1", "1-12", "2-0", "1700000000000-0", "1700000000000-999"]
    assert sorted(ids, key=place) == ids
