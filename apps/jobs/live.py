"""Where a job stands right now: Redis, which workers tell first, is ahead of the ledger."""

import logging
from typing import Any

from apps.jobs.models import Job
from apps.jobs.state import redis_error
from apps.jobs.states import State
from apps.jobs.stream.names import tries_key
from apps.jobs.stream.reaching import stream_redis

logger = logging.getLogger(__name__)

WAITING: dict[str, str] = {"RETRY": State.RETRY, "SNOOZED": State.PENDING, "LOST": State.PENDING}


def state_at_best(job: Job) -> str:
    """As Redis has it; without Redis as the ledger has it."""
    try:
        return live_state(job)[0]
    except redis_error() as error:
        logger.warning("Redis can't be asked about job %s: %s", job.id, error)
        return str(job.state)


def live_state(job: Job) -> tuple[str, bytes, int]:
    """The state, the token of the latest try and how many there were. Raises redis's errors."""
    found: Any = stream_redis().hmget(tries_key(job.id), "s", "t", "n")
    state, token, count = found
    text = state.decode() if state else str(job.state)
    return WAITING.get(text, text), token or b"", int(count or 0)
