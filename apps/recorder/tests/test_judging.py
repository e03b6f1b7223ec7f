"""What is done about a dead message. No servers: what the broker and Redis say is given."""

import time
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.jobs.ending import LOST, Standing
from apps.jobs.examining import Finding, examine
from apps.jobs.resending import Parcel
from apps.jobs.tests.dying import ADD, call
from apps.recorder.judging import Verdict, judge

NEW = Standing()
STARTED, GONE = Standing("STARTED", 0, 1), Standing(LOST, 0, 1)
ENDED = [Standing(state, 0, 1) for state in ("SUCCESS", "FAILURE", "REVOKED")]


@pytest.fixture(autouse=True)
def patience(settings: Any) -> None:
    settings.UNKNOWN_TASK_RETRY_SECONDS = 1800


def found(reason: str, parcel: Parcel | None = None, **headers: Any) -> Finding:
    parcel = parcel or call(ADD, 1, 2)
    death = {"queue": "default", "reason": reason, "exchange": "tasks", "routing-keys": ["default"]}
    dead = Parcel(
        parcel.body, parcel.properties, parcel.headers | {"x-death": [death]} | headers, "dead", "default"
    )
    return examine(dead, unrouted=False)


def verdict_of(reason: str, standing: Standing = NEW, *, unknown: bool = False, **headers: Any) -> Verdict:
    return judge(found(reason, **headers), standing, unknown=unknown)


def test_what_was_given_up_unstarted_is_sent_again_and_counted() -> None:
    again = verdict_of("delivery_limit").again
    assert again is not None
    assert (again.exchange, again.routing_key, again.headers["resends"]) == ("tasks", "default", 1)
    assert "x-death" not in again.headers


@pytest.mark.parametrize("standing", [STARTED, GONE])
def test_what_was_started_and_given_up_ends(standing: Standing) -> None:
    verdict = verdict_of("delivery_limit", standing)
    assert (verdict.again, verdict.ends, verdict.reason) == (None, True, "delivery_limit")


@pytest.mark.parametrize(
    "standing", [Standing("PENDING"), Standing("SNOOZED", 0, 3), Standing("RETRY", 0, 1)]
)
def test_a_message_sent_since_its_job_last_ran_counts_as_unstarted(standing: Standing) -> None:
    assert verdict_of("delivery_limit", standing, retries=1).again is not None


def test_a_retry_whose_own_message_was_started_is_no_innocent() -> None:
    assert verdict_of("delivery_limit", Standing("STARTED", 1, 2), retries=1).again is None
    assert verdict_of("delivery_limit", Standing("STARTED", 0, 1), retries=1).again is not None


@pytest.mark.parametrize("resends", [2, 3, 10**6])
def test_the_third_time_it_ends(resends: int) -> None:
    verdict = verdict_of("delivery_limit", resends=resends)
    assert (verdict.again, verdict.ends) == (None, True)


@pytest.mark.parametrize("resends", ["2", -5, None, [2], 1.5])
def test_a_count_that_is_none_begins_anew(resends: Any) -> None:
    again = verdict_of("delivery_limit", resends=resends).again
    assert again is not None
    assert again.headers["resends"] == 1


@pytest.mark.parametrize("standing", ENDED)
@pytest.mark.parametrize("reason", ["delivery_limit", "expired", "rejected", "maxlen", ""])
def test_nothing_changes_a_job_that_has_ended(reason: str, standing: Standing) -> None:
    verdict = verdict_of(reason, standing)
    assert (verdict.again, verdict.ends) == (None, False)


def test_what_a_worker_refused_unstarted_waits_half_a_minute() -> None:
    again = verdict_of("rejected", task="no.such.task").again
    assert again is not None
    bits = again.routing_key.removesuffix(".default").replace(".", "")
    assert (again.exchange, int(bits, 2)) == ("celery_delayed_27", 30)
    assert time.time() - again.headers["unknown_since"] < 5


def test_the_wait_is_counted_from_the_first_refusal() -> None:
    since = time.time() - 1795
    again = verdict_of("rejected", unknown_since=since).again
    assert again is not None
    assert (again.headers["unknown_since"], int(again.routing_key[:-8].replace(".", ""), 2)) == (since, 4)


@pytest.mark.parametrize("since", [0, time.time() - 1801, -1e300], ids=["never", "long ago", "absurd"])
def test_after_it_the_job_ends(since: float) -> None:
    verdict = verdict_of("rejected", unknown_since=since, task="no.such.task")
    assert (verdict.again, verdict.ends, verdict.reason) == (None, True, "unknown_task")
    assert verdict.words == "no worker knows the task 'no.such.task'"


@pytest.mark.parametrize("since", [1e300, "x", None, True, [1]])
def test_a_time_that_can_not_be_is_now(since: Any) -> None:
    again = verdict_of("rejected", unknown_since=since).again
    assert again is not None
    assert abs(again.headers["unknown_since"] - time.time()) < 5


@pytest.mark.parametrize(("away", "seconds"), [(3600.0, 3600), (0.5, 1), (-5.0, 30), (-3500.0, 30)])
def test_what_a_worker_had_before_its_time_comes_again_when_it_is_due(away: float, seconds: int) -> None:
    due = timezone.now() + timedelta(seconds=away)
    verdict = verdict_of("rejected", eta=due.isoformat())
    assert verdict.again is not None
    bits = verdict.again.routing_key.removesuffix(".default").replace(".", "")
    assert (verdict.again.exchange, int(bits, 2), verdict.due) == ("celery_delayed_27", seconds, due)
    assert "unknown_since" not in verdict.again.headers


@pytest.mark.parametrize(("ago", "headers"), [(7200, {}), (60, {"task": "no.such.task"})])
def test_a_time_that_is_past_is_not_why_a_worker_refused(ago: int, headers: dict[str, Any]) -> None:
    since = timezone.now() - timedelta(seconds=ago)
    again = verdict_of("rejected", eta=since.isoformat(), **headers).again
    assert again is not None
    assert "unknown_since" in again.headers


@pytest.mark.parametrize("standing", [*ENDED, STARTED])
def test_a_job_that_runs_or_has_ended_is_not_early(standing: Standing) -> None:
    eta = (timezone.now() + timedelta(hours=1)).isoformat()
    verdict = verdict_of("rejected", standing, eta=eta)
    assert (verdict.again, verdict.ends) == (None, False)


@pytest.mark.parametrize("away", [60, -60])
def test_what_a_worker_lost_and_one_with_another_clock_gave_back_runs_again(away: int) -> None:
    eta = (timezone.now() + timedelta(seconds=away)).isoformat()
    assert verdict_of("rejected", GONE, eta=eta).again is not None
    assert verdict_of("delivery_limit", GONE, eta=eta).again is None


def test_a_job_that_a_worker_ended_for_want_of_its_task_is_opened_again() -> None:
    assert verdict_of("rejected", Standing("FAILURE"), unknown=True).again is not None
    late = verdict_of("rejected", Standing("FAILURE"), unknown=True, unknown_since=0)
    assert (late.again, late.ends, late.reason) == (None, False, "unknown_task")


def test_a_running_job_that_rejects_itself_is_left_to_its_worker() -> None:
    verdict = verdict_of("rejected", STARTED, task="no.such.task")
    assert (verdict.again, verdict.ends, verdict.reason) == (None, False, "rejected")


def test_a_copy_does_not_end_a_job_that_another_copy_runs() -> None:
    broken = found("rejected", Parcel(b"{", {"content_type": "application/json"}, call().headers))
    assert [judge(broken, standing, unknown=False).ends for standing in (NEW, STARTED, GONE)] == [
        True,
        False,
        False,
    ]
    late = found("expired")
    assert [judge(late, standing, unknown=False).ends for standing in (NEW, STARTED, GONE)] == [
        True,
        False,
        True,
    ]


def test_unrouted_is_told_by_the_queue_it_came_from() -> None:
    parcel = call(ADD)
    delayed = "0." * 28 + "nowhere"
    came = Parcel(parcel.body, parcel.properties, parcel.headers, "celery_delayed_delivery", delayed)
    finding = examine(came, unrouted=True)
    assert (finding.reason, finding.death.exchange, finding.death.routing_key) == (
        "unrouted",
        "tasks",
        "nowhere",
    )
    assert judge(finding, NEW, unknown=False).words == "no queue is bound to 'tasks' for 'nowhere'"


def test_the_last_death_in_a_work_queue_counts_not_the_delay_before_it() -> None:
    delay = {
        "queue": "celery_delayed_1",
        "reason": "expired",
        "exchange": "celery_delayed_27",
        "routing-keys": ["x"],
    }
    key = "0." * 26 + "1.0.default"
    death = {"queue": "default", "reason": "rejected", "exchange": "celery_delayed_0", "routing-keys": [key]}
    parcel = call(ADD, **{"x-death": [death, delay], "x-first-death-reason": "expired"})
    finding = examine(
        Parcel(parcel.body, parcel.properties, parcel.headers, "dead", "default"), unrouted=False
    )
    assert (finding.death.word, finding.death.exchange, finding.death.routing_key) == (
        "rejected",
        "tasks",
        "default",
    )


@pytest.mark.parametrize(
    "marks", [None, "x", [], [1], [{}], [{"queue": "default"}], [{"queue": "default", "routing-keys": [5]}]]
)
def test_a_message_without_the_brokers_word_goes_back_by_its_queue(marks: Any) -> None:
    parcel = call(ADD, **{"x-death": marks})
    death = examine(Parcel(parcel.body, {}, parcel.headers, "dead", "email"), unrouted=False).death
    assert (death.queue, death.exchange, death.routing_key, death.word) == ("email", "tasks", "email", "")
    assert examine(Parcel(b"", {}, {}, "", "dead"), unrouted=False).death.routing_key == "default"


def test_the_time_of_death_is_the_brokers_where_it_can_be() -> None:
    def at(moment: Any) -> datetime:
        death = {"queue": "q", "exchange": "tasks", "routing-keys": ["q"], "time": moment}
        return examine(Parcel(b"", {}, {"x-death": [death]}, "dead", "q"), unrouted=False).death.at

    told = datetime(2026, 1, 2, 3, 4, 5)  # noqa: DTZ001 - AMQP's have no zone
    assert at(told) == told.replace(tzinfo=UTC)
    for odd in (None, "x", datetime(1, 1, 1), datetime(9999, 1, 1)):  # noqa: DTZ001
        assert abs((at(odd) - timezone.now()).total_seconds()) < 5


def test_one_message_has_one_digest_however_often_it_comes() -> None:
    parcel = call(ADD, 1, 2)
    first = found("rejected", parcel).digest()
    assert found("rejected", parcel, **{"x-delivery-count": 4}).digest() == first
    assert found("rejected", parcel, requeues=1).digest() != first
    assert found("expired", parcel).digest() != first
    assert found("rejected", Parcel(parcel.body + b" ", parcel.properties, parcel.headers)).digest() != first
