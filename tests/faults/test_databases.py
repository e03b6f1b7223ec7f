"""Redis and PostgreSQL that go away in the middle of the work, and come back with what they had."""

from collections.abc import Callable
from typing import Any

import pytest
from redis import Redis

from tests.faults.ledger import Ledger
from tests.faults.stage import Stage, calls, frozen
from tests.waiting import wait_until

pytestmark = pytest.mark.faults


def results(stage: Stage, ids: list[str]) -> list[Any]:
    with Redis.from_url(stage.results_url) as redis:
        return list(redis.mget([f"celery-task-meta-{job_id}" for job_id in ids]))


def test_results_and_stream_outlive_redis(stage: Stage, ledger: Ledger) -> None:
    with frozen(stage.recorder):
        ids = stage.web.submit(*calls("kept", 20), how="many")
        wait_until(lambda: all(b"SUCCESS" in (text or b"") for text in results(stage, ids)), what="results")
        waited, kept = stage.waiting(), results(stage, ids)
        stage.valkey.restart()
        assert (stage.waiting(), results(stage, ids)) == (waited, kept)
        assert ledger.job(ids[0], "state") != ("SUCCESS",)
    ledger.check_success(ids)


def test_jobs_that_run_while_redis_is_away_are_neither_lost_nor_doubled(stage: Stage, ledger: Ledger) -> None:
    ids = stage.web.submit(*calls("redisless", 60, sleep_ms=300), how="many")
    wait_until(lambda: ledger.starts(ids) >= 8, what="some to run")
    stage.valkey.stop()
    during = stage.web.submit({"name": "redisless-60"}, {"name": "redisless-61"})
    stage.valkey.restart()
    ledger.check_success(ids + during)
    assert ledger.starts(ids + during) == 62


@pytest.mark.parametrize("way", ["stop", "kill"])
def test_the_ledger_is_whole_after_postgres_went_away_under_the_recorder(
    stage: Stage, ledger: Ledger, way: str
) -> None:
    ids = stage.web.submit(*calls(way, 60, sleep_ms=200), how="many")
    for share in (10, 30):
        wait_until(lambda share=share: ledger.starts(ids) >= share, what=f"{share} to run")  # type: ignore[misc]
        act: Callable[[], None] = getattr(stage.postgres, way)
        act()
        stage.postgres.restart()
    ledger.check_success(ids)
    stage.recorder.ensure_alive()


def test_a_cancel_outlives_all_workers_and_all_that_redis_knew(stage: Stage, ledger: Ledger) -> None:
    stage.worker.kill()
    ids = stage.web.submit(*calls("forgotten", 60), how="many")
    cancelled = ids[::2]
    assert stage.web.ask([{"id": job_id} for job_id in cancelled], how="cancel")["ids"] == cancelled
    with Redis.from_url(stage.results_url) as redis:
        redis.flushall()
    stage.ensure()
    ledger.check_success(ids[1::2])
    assert ledger.ended(cancelled) == ["REVOKED"] * len(cancelled)
    assert ledger.starts(cancelled) == 0
