"""Jobs that wait at the gate, or run by its leave, while processes and servers are taken away."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest
from redis import Redis

from tests.chaos.jobs import TASK
from tests.faults.ledger import Ledger
from tests.faults.stage import Stage, calls, running
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

PAUSE = """
INSERT INTO gate_pause (what, name, "by", why, since) VALUES (%s, %s, 'alice', 'a fault', now()) RETURNING 1
"""
LIMIT = """
INSERT INTO gate_limitsetting (task, kind, "limit", per_seconds, burst, lease_seconds, key, share, enabled)
VALUES (%s, %s, %s, 1, 1, 3, '', '', true) RETURNING 1
"""
HELD = "SELECT count(*) FROM jobs_hold"


@pytest.fixture(autouse=True)
def nothing_wanted(ledger: Ledger) -> Iterator[None]:
    yield
    resume(ledger)
    ledger.rows("DELETE FROM gate_limitsetting RETURNING 1")


def resume(ledger: Ledger) -> None:
    ledger.rows("DELETE FROM gate_pause RETURNING 1")


def limited(stage: Stage, kind: str, limit: int) -> None:
    stage.ledger.rows(LIMIT, TASK, kind, limit)
    told(stage, kind)


def paused(stage: Stage, what: str, name: str) -> None:
    stage.ledger.rows(PAUSE, what, name)
    told(stage, name)


def told(stage: Stage, word: str) -> None:
    """Whoever runs jobs knows what is wanted a second after Redis does."""
    with Redis.from_url(stage.valkey.url.rstrip("/") + "/2", decode_responses=True) as redis:
        wait_until(lambda: word in str(redis.get("switchyard:gate")), what="Redis to know")
    began = now(stage.ledger)
    wait_until(lambda: (now(stage.ledger) - began).total_seconds() > 1.5, what="workers to follow")


def now(ledger: Ledger) -> datetime:
    found: datetime = ledger.rows("SELECT now()")[0][0]
    return found


def most_at_once(ledger: Ledger, ids: list[str], killed_at: datetime) -> int:
    """Of the jobs' code; a start without an effect ended with its worker, or when the next one began."""
    starts: Any = ledger.rows("SELECT job_id, at FROM chaos_start WHERE job_id = ANY(%s) ORDER BY at", ids)
    ends: Any = dict(ledger.rows("SELECT job_id, at FROM chaos_effect WHERE job_id = ANY(%s)", ids))
    spans: list[tuple[datetime, datetime]] = []
    for place, (job, at) in enumerate(starts):
        again = next((later for other, later in starts[place + 1 :] if other == job), None)
        spans.append((at, min(killed_at, again) if again else ends[job]))
    return max(sum(begin <= at < end for begin, end in spans) for at, _end in spans)


def test_a_killed_worker_keeps_no_place_and_no_more_run_than_may(stage: Stage, ledger: Ledger) -> None:
    limited(stage, "concurrency", 2)
    with running(stage.new_worker()):
        ids = stage.web.submit(*calls("placed", 16, sleep_ms=500), how="many")
        wait_until(lambda: ledger.starts(ids) >= 4, what="some to run")
        stage.worker.kill()
        killed_at = now(ledger)
        ledger.check_success(ids)
    assert most_at_once(ledger, ids, killed_at) == 2


def test_a_pause_outlives_a_restart_of_rabbitmq(stage: Stage, ledger: Ledger) -> None:
    paused(stage, "queue", "default")
    before = stage.web.submit(*calls("shut", 20), how="many")
    connected = stage.worker.output().count("Connected to")
    stage.rabbitmq.restart()
    wait_until(lambda: stage.worker.output().count("Connected to") > connected, what="the worker")
    after = stage.web.submit(*calls("still-shut", 5), how="many")
    wait_until(lambda: ledger.number("SELECT count(*) FROM jobs_job WHERE outbox IS NOT NULL") == 0)
    assert ledger.starts(before + after) == 0
    resume(ledger)
    ledger.check_success(before + after)
    assert ledger.starts(before + after) == 25


def test_held_jobs_outlive_a_redis_that_forgot_everything(stage: Stage, ledger: Ledger) -> None:
    limited(stage, "rate", 100)
    paused(stage, "task", TASK)
    ids = stage.web.submit(*calls("kept-back", 20), how="many")
    wait_until(lambda: ledger.number(HELD) == 20, what="all to be held")
    stage.valkey.restart()
    with Redis.from_url(stage.valkey.url) as redis:
        redis.flushall()
    resume(ledger)
    ledger.check_success(ids)
    assert ledger.starts(ids) == 20


def test_a_recorder_killed_while_it_sends_held_jobs_on_loses_and_doubles_none(
    stage: Stage, ledger: Ledger
) -> None:
    paused(stage, "task", TASK)
    ids = stage.web.submit(*calls("sent-on", 200), how="many")
    wait_until(lambda: ledger.number(HELD) == 200, what="all to be held")
    limited(stage, "rate", 40)
    resume(ledger)
    for left in (100, 60):
        wait_until(lambda left=left: 0 < ledger.number(HELD) < left, what=f"fewer than {left}")  # type: ignore[misc]
        stage.recorder.kill()
        stage.ensure()
    ledger.check_success(ids)
    assert ledger.starts(ids) == 200
