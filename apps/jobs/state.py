"""The Redis that holds what is true for the moment: progress, locks, heartbeats."""

from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from redis import Redis

TIMEOUT_SECONDS = 3


@cache
def state_redis() -> "Redis":
    """The one client of this process; its pool reconnects by itself after a fork."""
    from redis import Redis  # takes 90 ms, which a process that never asks need not pay

    return Redis.from_url(
        settings.STATE_REDIS_URL,
        decode_responses=True,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        health_check_interval=30,
    )


def redis_error() -> type[Exception]:
    """What every failure to ask Redis is: `except redis_error():`. Loaded late, as the client is."""
    from redis import RedisError

    return RedisError
