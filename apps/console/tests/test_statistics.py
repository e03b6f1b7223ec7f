"""Bounded counts."""

from datetime import UTC, datetime, timedelta

import pytest

from apps.console import statistics
from apps.console.tests.cast import failure, job

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ago(**units: float) -> datetime:
    return NOON - timedelta(**units)


def test_counts_are_by_state_and_stop_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for state in ("SUCCESS", "SUCCESS", "FAILURE", "PENDING"):
        job(state, created=NOON)
    job("FAILURE", created=ago(hours=2))
    found = statistics.counts(NOON - HOUR)
    assert (found.by_state["SUCCESS"], found.by_state["FAILURE"], found.partial) == (2, 1, False)
    monkeypatch.setattr(statistics, "COUNTED", 3)
    found = statistics.counts(NOON - HOUR)
    assert (sum(found.by_state.values()), found.partial, found.limit) == (3, True, 3)


def test_endings_are_by_minute_and_state() -> None:
    for state, minutes in {"SUCCESS": 0, "REVOKED": 0, "FAILURE": 2, "STARTED": 0}.items():
        job(state, done=ago(minutes=minutes))
    job(done=ago(minutes=90))
    found = statistics.endings(NOON - HOUR)
    assert found.by_minute == {ago(minutes=2): {"FAILURE": 1}, NOON: {"SUCCESS": 1, "REVOKED": 1}}
    assert found.since == NOON - HOUR


def test_endings_beyond_the_limit_are_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "COUNTED", 3)
    for minutes in (1, 1, 5, 5, 9):
        job(done=ago(minutes=minutes))
    found = statistics.endings(NOON - HOUR)
    assert [sum(states.values()) for states in found.by_minute.values()] == [1, 2]
    assert found.since == ago(minutes=4)


def test_running_jobs_come_longest_first() -> None:
    for seconds in (1, 3, 2):
        job("STARTED", created=ago(seconds=seconds))
    job()
    assert [one.id for one in statistics.running(2)] == ["job-1", "job-2"]


def test_failures_come_latest_first() -> None:
    for minutes in (2, 1, 90):
        failure(done=ago(minutes=minutes))
    assert [one.id for one in statistics.failed(NOON - HOUR, 5)] == ["job-1", "job-0"]
