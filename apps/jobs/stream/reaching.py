"""The Redis that holds results and the stream, with short waits: for publishers and the recorder."""

from functools import cache
from typing import TYPE_CHECKING

from django.conf import settings

if TYPE_CHECKING:
    from redis import Redis

TIMEOUT_SECONDS = 3
CONNECT_SECONDS = 1


@cache
def stream_redis() -> "Redis":
    """The one client of this process; its pool reconnects by itself after a fork. Answers are bytes."""
    from redis import Redis  # takes 90 ms, which a process that never asks need not pay

    return Redis.from_url(
        settings.CELERY_RESULT_BACKEND,
        socket_timeout=TIMEOUT_SECONDS,
        socket_connect_timeout=CONNECT_SECONDS,
        health_check_interval=30,
    )
