"""The Redis that holds what is true for the moment: progress, locks, heartbeats."""

from functools import cache

from django.conf import settings
from redis import Redis

TIMEOUT_SECONDS = 3


@cache
def state_redis() -> "Redis":
    """The one client of this process; its pool reconnects by itself after a fork."""
    return Redis.from_url(
        settings.STATE_REDIS_URL,
        decode_responses=True,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=TIMEOUT_SECONDS,
        health_check_interval=30,
    )
