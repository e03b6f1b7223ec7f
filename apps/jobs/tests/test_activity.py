"""Bounded looks at what the jobs do."""

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from apps.jobs.models import DeadLetter, Worker
from apps.jobs.reading import activity
from apps.jobs.reading.attention import attention
from apps.jobs.reading.counting import Count
from apps.jobs.tests.making import failure, job

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def ago(**units: float) -> datetime:
    return NOON - timedelta(**units)


def letter(digest: str, requeued_at: datetime | None = None) -> DeadLetter:
    return DeadLetter.objects.create(digest=digest, body=b"", died_at=NOON, requeued_at=requeued_at)


def worker(instance: str, lost_at: datetime | None = None) -> Worker:
    now = timezone.now()
    return Worker.objects.create(
        instance=instance, name="w", pid=1, started_at=now, seen_at=now, lost_at=lost_at
    )


def test_counts_are_by_state_and_stop_at_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    for state in ("SUCCESS", "SUCCESS", "FAILURE", "PENDING"):
        job(state, created=NOON)
    job("FAILURE", created=ago(hours=2))
    found = activity.counts(NOON - HOUR)
    assert (found.by_state["SUCCESS"], found.by_state["FAILURE"], found.partial) == (2, 1, False)
    monkeypatch.setattr(activity, "COUNTED", 3)
    found = activity.counts(NOON - HOUR)
    assert (sum(found.by_state.values()), found.partial, found.limit) == (3, True, 3)


def test_endings_are_by_minute_and_state() -> None:
    for state, minutes in {"SUCCESS": 0, "REVOKED": 0, "FAILURE": 2, "STARTED": 0}.items():
        job(state, done=ago(minutes=minutes))
    job(done=ago(minutes=90))
    found = activity.endings(NOON - HOUR)
    assert found.by_minute == {ago(minutes=2): {"FAILURE": 1}, NOON: {"SUCCESS": 1, "REVOKED": 1}}
    assert found.since == NOON - HOUR


def test_endings_beyond_the_limit_are_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(activity, "COUNTED", 3)
    for minutes in (1, 1, 5, 5, 9):
        job(done=ago(minutes=minutes))
    found = activity.endings(NOON - HOUR)
    assert [sum(states.values()) for states in found.by_minute.values()] == [1, 2]
    assert found.since == ago(minutes=4)


def test_running_jobs_come_longest_first() -> None:
    for seconds in (1, 3, 2):
        job("STARTED", created=ago(seconds=seconds))
    job()
    assert [one.id for one in activity.running(2)] == ["job-1", "job-2"]


def test_failures_come_latest_first() -> None:
    for minutes in (2, 1, 90):
        failure(done=ago(minutes=minutes))
    assert [one.id for one in activity.failed(NOON - HOUR, 5)] == ["job-1", "job-0"]


def test_a_site_where_all_is_well_needs_no_attention() -> None:
    job()
    job("PENDING", outbox={})
    letter("sent again", requeued_at=NOON)
    worker("alive")
    worker("lost long ago", lost_at=timezone.now() - timedelta(days=2))
    assert not attention()


def test_what_needs_a_person_is_counted() -> None:
    failure()
    failure()
    job(retry_of="job-0")
    letter("waiting")
    worker("lost", lost_at=timezone.now())
    since = timezone.now() - timedelta(seconds=30)
    job("PENDING", created=since, outbox={})
    found = attention()
    assert (found.dead, found.letters, found.lost, found.unsent) == (Count(1), Count(1), Count(1), Count(1))
    assert found.unsent_since == since
    assert found


def test_attention_counts_up_to_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.jobs.reading.attention.COUNTED", 2)
    for _ in range(4):
        failure()
    assert attention().dead == Count(2, more=True)
