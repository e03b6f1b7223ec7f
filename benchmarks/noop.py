"""Jobs that cost nothing themselves."""

import time

from celery import shared_task

from apps.jobs.state import state_redis

STARTS = "bench:starts"  # a hash in the state Redis: when which job started


@shared_task(name="benchmarks.noop")
def noop_task() -> None:
    """Does nothing."""


@shared_task(name="benchmarks.stamp")
def stamp_task(key: str, seconds: float = 0) -> None:
    """Says when it started, and takes so long."""
    state_redis().hset(STARTS, key, str(time.time()))
    time.sleep(seconds)
