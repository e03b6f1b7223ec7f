"""How far the ledger and the outbox are behind."""

import threading
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from apps.jobs import backlog
from apps.jobs.models import Job
from apps.jobs.stream.names import STREAM
from apps.jobs.stream.reaching import stream_redis
from apps.recorder.reading import Reader
from apps.recorder.recording import Recording


@pytest.fixture
def redis(no_others: None) -> Any:
    """Empty, and no recorder listens: one of an earlier test may have begun the stream anew."""
    stream_redis().flushdb()
    return stream_redis()


def add(redis: Any, seconds_ago: float = 0) -> None:
    """An entry of that age; entries are added the oldest first."""
    now = int(redis.time()[0] * 1000)
    redis.xadd(
        STREAM, {"kind": "published", "id": "none", "doc": ""}, id=f"{now - int(seconds_ago * 1000)}-*"
    )


def in_outbox(job_id: str, late_seconds: float, **more: Any) -> None:
    now = timezone.now()
    fields = {"outbox": {}, "relay_at": now - timedelta(seconds=late_seconds), **more}
    Job.objects.create(id=job_id, task="t", submitted_at=now, **fields)


def test_without_a_stream_nothing_is_behind(redis: Any) -> None:
    found = backlog.of_stream()
    assert (found.length, found.oldest_seconds, found.unread_seconds, found.recorders) == (0, 0, 0, 0)
    assert found.length_most == settings.LEDGER_STREAM_MAX


def test_where_no_recorder_ever_ran_the_oldest_entry_counts(redis: Any) -> None:
    for seconds in (100, 50, 0):
        add(redis, seconds)
    found = backlog.of_stream()
    assert (found.length, found.recorders) == (3, 0)
    assert 99 < found.oldest_seconds < 110
    assert found.unread_seconds == found.oldest_seconds


def test_a_recorder_that_has_just_read_is_there(redis: Any) -> None:
    add(redis, 100)
    reader = Reader()
    reader.join()
    assert len(reader.read(10, 10)) == 1
    found = backlog.of_stream()
    assert (found.length, found.recorders) == (1, 1), "it is not in the ledger before it is done"
    assert found.oldest_seconds > 99
    assert found.unread_seconds < 10


def test_a_recorder_with_nothing_to_read_is_there_too(redis: Any) -> None:
    reader = Reader()
    reader.join()
    assert reader.read(10, 1) == []
    assert backlog.of_stream().recorders == 1


def test_several_recorders_are_counted(redis: Any) -> None:
    for _ in range(3):
        reader = Reader()
        reader.join()
        reader.read(1, 1)
    assert backlog.of_stream().recorders == 3


def test_a_recorder_that_reads_no_more_is_not_counted(redis: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader()
    reader.join()
    reader.read(1, 1)
    monkeypatch.setattr(backlog, "READS_WITHIN_SECONDS", -1)
    assert backlog.of_stream().recorders == 0


def test_what_is_recorded_is_no_backlog(redis: Any, transactional_db: None) -> None:
    add(redis)
    recording = Recording(threading.Event())
    recording.reader.join()
    recording.take()
    found = backlog.of_stream()
    assert (found.length, found.oldest_seconds, found.recorders) == (0, 0, 1)


def test_an_empty_outbox_is_not_late(db: None) -> None:
    assert backlog.outbox_seconds() == 0


def test_the_job_that_waits_longest_counts(db: None) -> None:
    in_outbox("a", 30)
    in_outbox("b", 90)
    in_outbox("published", 900, outbox=None)
    assert 89 < backlog.outbox_seconds() < 100


def test_a_job_whose_time_has_not_come_is_not_late(db: None) -> None:
    in_outbox("later", -3600)
    assert backlog.outbox_seconds() == 0
