"""A worker says where the job that it runs is in its code."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from celery.worker import state

from apps.jobs.heartbeat import snapshot
from apps.jobs.state import state_redis
from apps.messaging import broadcasting
from apps.running import dumping
from apps.running.stacks import TOPIC, Stack, answer_key

KEPT_SECONDS = 60


@broadcasting.on(TOPIC)
def answer(facts: Mapping[str, Any]) -> None:
    """In every worker: the one that runs the job says where it is."""
    job_id, token = str(facts["job"]), str(facts["token"])
    running = snapshot(lambda: state.active_requests)
    request = next((request for request in running if request.id == job_id), None)
    if request is not None:
        state_redis().set(answer_key(token), json.dumps(asdict(stack_of(request))), ex=KEPT_SECONDS)


def stack_of(request: Any) -> Stack:
    """The person who asked sees it, in English: a worker knows nobody's language."""
    worker, pid = str(request.hostname), int(request.worker_pid)
    try:
        text = dumping.stack_of(pid)
    except ProcessLookupError:
        return Stack(why="Its process has just gone.", worker=worker, pid=pid)
    if request not in state.active_requests:
        return Stack(why="The job has just ended.", worker=worker, pid=pid)
    why = "" if text else "Its process does not answer: it is frozen, or was not forked from its worker."
    return Stack(text, why, worker, pid)
