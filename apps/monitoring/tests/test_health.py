from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.jobs.models import Job
from apps.jobs.stream.names import STREAM
from apps.jobs.stream.reaching import stream_redis
from apps.monitoring import probing
from apps.recorder.reading import Reader
from apps.schedules.models import Beat
from apps.schedules.tests.making import make_schedule

pytestmark = pytest.mark.usefixtures("no_others")  # the shared recorder would empty the stream


def test_live_needs_no_server(client: Client) -> None:
    answer = client.get("/health/live")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_ready_says_what_answered(client: Client, db: None, broker: str) -> None:
    answer = client.get("/health/ready")
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", **dict.fromkeys(probing.PROBES, "ok")}


@pytest.mark.parametrize("name", probing.PROBES)
def test_one_server_that_fails_is_enough_to_be_not_ready(
    client: Client, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    def refuse() -> None:
        raise ConnectionError("secret-host:5432 refused")

    monkeypatch.setattr(probing, "PROBES", {name: refuse})
    answer = client.get("/health/ready")
    assert answer.status_code == 503
    assert answer.json()[name] == "ConnectionError"
    assert "secret-host" not in answer.text


def test_a_migration_that_was_not_applied_is_counted(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def unmigrated() -> None:
        raise probing.NotReady("2 migrations are not applied")

    monkeypatch.setattr(probing, "PROBES", {"migrations": unmigrated})
    assert client.get("/health/ready").json()["migrations"] == "2 migrations are not applied"


def test_only_reading_is_allowed(client: Client) -> None:
    assert client.post("/health/live").status_code == 405


def fill(entries: int, seconds_ago: float = 0) -> None:
    redis: Any = stream_redis()
    made = int(redis.time()[0] * 1000 - seconds_ago * 1000)
    for _ in range(entries):
        redis.xadd(STREAM, {"kind": "published", "id": "none", "doc": ""}, id=f"{made}-*")


def told(client: Client, name: str) -> tuple[int, str]:
    answer = client.get("/health/ready")
    return answer.status_code, answer.json()[name]


def test_a_long_stream_is_told_long_before_it_loses_entries(
    client: Client, db: None, broker: str, settings: Any
) -> None:
    settings.LEDGER_STREAM_MAX = 100
    fill(10)
    assert told(client, "stream") == (200, "ok")
    fill(1)
    status, words = told(client, "stream")
    assert status == 503
    assert words.startswith("11 entries wait in the stream, more than a tenth of LEDGER_STREAM_MAX: ")


def test_a_stream_that_nobody_reads_is_told_after_a_minute(client: Client, db: None, broker: str) -> None:
    fill(1, seconds_ago=50)
    assert told(client, "recorder") == (200, "ok")


def test_without_a_recorder_it_is_not_ready(client: Client, db: None, broker: str) -> None:
    fill(2, seconds_ago=100)
    status, words = told(client, "recorder")
    assert status == 503
    assert words.startswith("no recorder has read the stream for 10")
    assert words.endswith(" s, and 2 entries wait in it")


def test_with_a_recorder_old_entries_are_no_harm(client: Client, db: None, broker: str) -> None:
    fill(2, seconds_ago=100)
    reader = Reader()
    reader.join()
    reader.read(1, 1)
    assert told(client, "recorder") == (200, "ok")


def test_nobody_need_read_an_empty_stream(
    client: Client, db: None, broker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    Reader().join()
    monkeypatch.setattr(probing, "UNREAD_SECONDS", -1)
    assert told(client, "recorder") == (200, "ok")


@pytest.mark.parametrize(("late", "status"), [(-3600, 200), (50, 200), (90, 503)])
def test_a_job_that_nobody_publishes_is_told_after_a_minute(
    client: Client, db: None, broker: str, late: float, status: int
) -> None:
    now = timezone.now()
    Job.objects.create(
        id="left", task="t", submitted_at=now, outbox={}, relay_at=now - timedelta(seconds=late)
    )
    found, words = told(client, "outbox")
    assert found == status
    assert (words == "ok") == (status == 200)
    if status != 200:
        assert words.startswith("a job should have been published 9")


@pytest.mark.parametrize(("silent", "status"), [(1, 200), (50, 200), (90, 503)])
def test_a_beat_that_fell_silent_is_told_after_a_minute(
    client: Client, db: None, broker: str, silent: float, status: int
) -> None:
    make_schedule()
    moment = timezone.now() - timedelta(seconds=silent)
    Beat.objects.create(instance="b", started_at=moment, ticked_at=moment)
    found, words = told(client, "beat")
    assert found == status
    assert (words == "ok") == (status == 200)
    if status != 200:
        assert words.startswith("no beat has been alive for 9")
        assert words.endswith(" s, and schedules are enabled")


def test_nobody_need_fire_what_is_disabled(client: Client, db: None, broker: str) -> None:
    make_schedule(enabled=False)
    moment = timezone.now() - timedelta(hours=1)
    Beat.objects.create(instance="b", started_at=moment, ticked_at=moment)
    assert told(client, "beat") == (200, "ok")
