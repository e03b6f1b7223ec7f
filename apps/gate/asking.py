"""The gate as a job meets it, in the process that runs it."""

import logging
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from celery.exceptions import Ignore, Reject
from django.db import DatabaseError, connection

from apps.gate import desired, leases, ordering, permits
from apps.gate.desired import Desired
from apps.gate.holding import Reason, keep
from apps.gate.permits import Permit, Refusal
from apps.jobs.errors import PermanentError
from apps.jobs.limits import Breaker
from apps.jobs.models import Job
from apps.jobs.routing import queue_of_delivery
from apps.jobs.state import redis_error

logger = logging.getLogger(__name__)

REDIS_AGAIN_SECONDS = 1.0
# A job that put itself off ends with Ignore. What is tried again ends with Retry, and is a failure.
NO_FAILURES = (PermanentError, Ignore, Reject)


class GateKeeper:
    """`apps.jobs.gating.Gate`. What nobody declared and nobody set costs a look at the clock."""

    def line_up(self, jobs: Sequence[Job]) -> None:
        ordering.line_up(jobs)

    def keeps(self, task: Any, request: Any) -> bool:
        wanted = desired.current()
        limits = wanted.limits_of(task)
        if not limits and not wanted.stops:
            return False
        asked = permits.permits_for(task, limits, request.args or (), request.kwargs or {})
        reason = out_of_turn(request, asked) or paused(wanted, task, request) or self.refused(request, asked)
        if reason is None:
            request.permits = list(zip(limits, asked, strict=True))
            return False
        return keep(task, request, reason, asked)

    def refused(self, request: Any, asked: Sequence[Permit]) -> Reason | None:
        counted = permits.counted(asked)
        if not counted:
            return None
        refusal = patiently(lambda: permits.admit(request.id, counted))
        return Reason.of_refusal(refusal) if refusal else None

    def answered(self, task: Any, request: Any, verdict: str) -> None:
        """Of a copy the places are those of the one that runs, and stay taken."""
        places = places_of(request)
        if not places or verdict == "copy":
            return
        if verdict == "run":
            leases.begin(request.id, places)
        else:
            give_back(request.id, lambda: permits.leave(request.id, places))

    def left(self, task: Any, request: Any, error: BaseException | None) -> None:
        if places_of(request):
            give_back(request.id, lambda: leases.end(request.id))
        for limit, permit in request.get("permits") or ():
            if isinstance(limit, Breaker):
                give_back(request.id, partial(tell_breaker, limit, permit, error))


def places_of(request: Any) -> list[Permit]:
    return permits.places([permit for _limit, permit in request.get("permits") or ()])


def give_back(job_id: str, tell: Callable[[], None]) -> None:
    """Without Redis places are free after their lease, and a breaker counts one less."""
    try:
        tell()
    except redis_error() as lost:
        logger.warning("job %s can't give its permits back now: %s", job_id, lost)


def out_of_turn(request: Any, asked: Sequence[Permit]) -> Reason | None:
    """Draws the job's ticket if it has none. Asked first, so that a pause changes no order."""
    permit = ordering.permit_of_order(asked)
    if permit is None:
        return None
    try:
        its_turn = ordering.begins(request.id, permit.line)
    except DatabaseError as error:
        logger.warning("job %s can't learn whether it is its turn: %s", request.id, error)
        connection.close()
        its_turn = False
    return None if its_turn else Reason.of_refusal(Refusal(permit, 0))


def paused(wanted: Desired, task: Any, request: Any) -> Reason | None:
    queue = queue_of_delivery(request.delivery_info or {})
    stop = wanted.stop_for(task.name, queue)
    return Reason.of_stop(stop) if stop else None


def tell_breaker(limit: Breaker, permit: Permit, error: BaseException | None) -> None:
    if error is None:
        permits.succeeded(permit)
    elif not isinstance(error, NO_FAILURES) and permits.failed(permit, limit.failures):
        logger.warning("%s: nobody begins for %g s", permit.words, limit.wait_seconds)


def patiently(ask: Callable[[], Any]) -> Any:
    """A job with a limit waits for a lost Redis, as it waits for it with its result."""
    while True:
        try:
            return ask()
        except redis_error() as error:
            logger.warning("permits wait for Redis: %s", error)
            time.sleep(REDIS_AGAIN_SECONDS)
