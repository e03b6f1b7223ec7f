"""Where a running job is in its code, on demand: its worker hears the question as a broadcast."""

import json
import time
from dataclasses import dataclass
from secrets import token_hex
from typing import Any

from django.utils.translation import gettext as _

from apps.jobs import acting
from apps.jobs.state import redis_error, state_redis
from apps.jobs.states import State
from apps.messaging import broadcasting

TOPIC = "stack"
WAIT_SECONDS = 3.0
POLL_SECONDS = 0.05


@dataclass(frozen=True)
class Stack:
    """`text` is the stack; "" with the reason in `why`."""

    text: str = ""
    why: str = ""
    worker: str = ""
    pid: int = 0


def look(job_id: str) -> Stack:
    """Asks the worker that runs the job, and waits for 3 s. Raises acting.UnknownJob."""
    job = acting.find(job_id)
    current = acting.state_at_best(job)
    if current != State.STARTED:
        return Stack(why=_("The job doesn't run: it is %(state)s.") % {"state": current})
    token = token_hex(8)
    if not broadcasting.send(TOPIC, {"job": job.id, "token": token}):
        return Stack(why=_("The broker can't be reached, so no worker can be asked."))
    try:
        return heard(token) or Stack(
            why=_("No worker answered within %(seconds)g s: the one that ran the job has stopped or hangs.")
            % {"seconds": WAIT_SECONDS}
        )
    except redis_error():
        return Stack(why=_("Redis, by which workers answer, can't be reached."))


def heard(token: str) -> Stack | None:
    deadline = time.monotonic() + WAIT_SECONDS
    while time.monotonic() < deadline:
        found: Any = state_redis().get(answer_key(token))
        if found:
            return Stack(**json.loads(found))
        time.sleep(POLL_SECONDS)
    return None


def answer_key(token: str) -> str:
    return f"switchyard:stack:{token}"
