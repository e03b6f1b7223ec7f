"""Permits on a real Redis, and what becomes of them."""

from types import SimpleNamespace
from typing import Any

import pytest
from celery.exceptions import Ignore, Retry

from apps.gate import leases, permits
from apps.gate.asking import GateKeeper, tell_breaker
from apps.gate.tests.limited_tasks import bank_task, one_at_once_task
from apps.jobs.errors import PermanentError
from apps.jobs.limits import Breaker, Concurrency, Rate
from apps.jobs.state import state_redis
from tests.waiting import wait_until

BREAKER = Breaker(1, wait_seconds=60, name="bank")


def permit(limit: Any, task: Any = one_at_once_task, customer: str = "a") -> permits.Permit:
    (found,) = permits.permits_for(task, [limit], [customer], {})
    return found


def asking(job_id: str, limit: Any) -> Any:
    return SimpleNamespace(id=job_id, get={"permits": [(limit, permit(limit))]}.get)


def places(found: permits.Permit) -> list[str]:
    held: Any = state_redis().zrange(found.place, 0, -1)
    return list(held)


def test_all_permits_or_none() -> None:
    rate, place = permit(Rate(1, per_seconds=60)), permit(Concurrency(1))
    assert permits.admit("one", [rate, place]) is None
    refused = permits.admit("two", [place, rate])
    assert refused is not None
    assert refused.permit == place
    assert places(place) == ["one"]


def test_a_rate_says_when_to_come_again() -> None:
    rate = permit(Rate(2, per_seconds=60))
    assert [permits.admit(name, [rate]) for name in ("one", "two")] == [None, None]
    refused = permits.admit("three", [rate])
    assert refused is not None
    assert 25 < refused.seconds <= 30


def test_permits_in_advance_are_charged_once() -> None:
    rate = permit(Rate(1, per_seconds=60))
    assert permits.admit("one", [rate], ahead=True) is None
    assert permits.admit("one", [rate], ahead=True) is None
    assert permits.admit("one", [rate]) is None
    assert permits.admit("one", [rate]) is not None


def test_starts_keep_to_the_rate_though_their_permits_have_waited() -> None:
    """As when there was no worker for a while."""
    rate = permit(Rate(10, per_seconds=10, burst=5))
    for number in range(20):
        if number % 5 == 0:
            state_redis().delete(rate.place)  # as after five seconds
        assert permits.admit(f"job{number}", [rate], ahead=True) is None
    answers = [permits.admit(f"job{number}", [rate]) for number in range(20)]
    assert [answer is None for answer in answers] == [True] * 5 + [False] * 15
    assert all(0 < answer.seconds <= 1 for answer in answers if answer)


def test_whoever_waits_goes_first() -> None:
    rate = permit(Rate(5))
    state_redis().set(permits.waiting_key(rate.line), 1)
    assert permits.admit("new", [rate]) is not None
    assert permits.admit("sent on", [rate], ahead=True) is None


@pytest.mark.parametrize(("verdict", "left"), [("ended", []), ("superseded", []), ("copy", ["job"])])
def test_who_may_not_start_gives_its_place_back_unless_a_copy_runs(verdict: str, left: list[str]) -> None:
    limit = Concurrency(1)
    permits.admit("job", [permit(limit)])
    GateKeeper().answered(one_at_once_task, asking("job", limit), verdict)
    assert places(permit(limit)) == left


def test_a_short_lease_beside_a_long_one_is_renewed() -> None:
    short, long = (
        permit(Concurrency(1, lease_seconds=1)),
        permit(Concurrency(1, lease_seconds=600), customer="b"),
    )
    permits.admit("short", [short])
    leases.begin("long", [long])
    leases.begin("short", [short])
    first: Any = state_redis().zscore(short.place, "short")
    try:
        wait_until(lambda: state_redis().zscore(short.place, "short") > first + 1500, what="renewals")
    finally:
        leases.end("short")
        leases.end("long")
    assert places(short) == []


def test_the_place_of_one_that_died_is_free_after_its_lease() -> None:
    place = permit(Concurrency(1, lease_seconds=1))
    assert permits.admit("dead", [place]) is None
    assert permits.admit("next", [place]) is not None
    wait_until(lambda: permits.admit("next", [place]) is None, seconds=3, what="the lease to lapse")
    assert places(place) == ["next"]


@pytest.mark.parametrize("error", [PermanentError("no"), Ignore("put off")])
def test_what_is_no_failure_opens_nothing(error: Exception) -> None:
    error.__cause__ = OSError("beneath")
    tell_breaker(BREAKER, permit(BREAKER, bank_task), error)
    assert permits.admit("next", [permit(BREAKER, bank_task)]) is None


@pytest.mark.parametrize("error", [Retry("again"), OSError("away")])
def test_a_failure_opens_the_breaker_and_a_success_closes_it(error: Exception) -> None:
    bank = permit(BREAKER, bank_task)
    tell_breaker(BREAKER, bank, error)
    refused = permits.admit("next", [bank])
    assert refused is not None
    assert 55 < refused.seconds <= 60
    tell_breaker(BREAKER, bank, None)
    assert permits.admit("next", [bank]) is None


def test_a_long_value_is_in_no_key() -> None:
    found = permit(Concurrency(1, key=("customer",)), customer="x" * 100)
    assert "xxx" not in found.place
    assert len(found.place) < 150
