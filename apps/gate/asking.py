"""The gate as a job meets it, in the process that runs it."""

import logging
import time
from collections.abc import Callable, Sequence
from typing import Any

from celery.exceptions import Ignore, Reject

from apps.gate import desired, leases, permits
from apps.gate.desired import Desired
from apps.gate.holding import Reason, keep
from apps.gate.permits import Permit
from apps.jobs.errors import PermanentError
from apps.jobs.limits import Breaker
from apps.jobs.routing import queue_of_delivery
from apps.jobs.state import redis_error

logger = logging.getLogger(__name__)

REDIS_AGAIN_SECONDS = 1.0
NO_FAILURES = (PermanentError, Ignore, Reject)


class GateKeeper:
    """`apps.jobs.gating.Gate`. What nobody declared and nobody set costs a look at the clock."""

    def keeps(self, task: Any, request: Any) -> bool:
        wanted = desired.current()
        limits = wanted.limits_of(task)
        if not limits and not wanted.stops:
            return False
        asked = permits.permits_for(task, limits, request.args or (), request.kwargs or {})
        reason = paused(wanted, task, request) or self.refused(request, asked)
        if reason is None:
            request.permits = asked
            leases.begin(request.id, asked)
            return False
        return keep(task, request, reason, asked)

    def refused(self, request: Any, asked: Sequence[Permit]) -> Reason | None:
        if not asked:
            return None
        refusal = patiently(lambda: permits.admit(request.id, asked))
        if refusal is None:
            return None
        permit = refusal.permit
        return Reason(permit.line, permit.words, permit.share, refusal.seconds or None)

    def passed(self, task: Any, request: Any) -> None:
        """Another copy may run: then its places are its own, and it renews them."""
        leases.forget(request.id)

    def left(self, task: Any, request: Any, error: BaseException | None) -> None:
        asked: Sequence[Permit] = request.get("permits") or ()
        if not asked:
            return
        try:
            leases.end(request.id)
            for limit, permit in zip(desired.current().limits_of(task), asked, strict=False):
                if isinstance(limit, Breaker):
                    tell_breaker(limit, permit, error)
        except redis_error() as lost:
            logger.warning("job %s can't give its permits back now: %s", request.id, lost)


def paused(wanted: Desired, task: Any, request: Any) -> Reason | None:
    queue = queue_of_delivery(request.delivery_info or {})
    stop = wanted.stop_for(task.name, queue)
    if stop is None:
        return None
    seconds = stop.until - time.time() if stop.until else None
    return Reason(stop.line, f"paused: {stop.what} {stop.name}".rstrip(), "", seconds)


def tell_breaker(limit: Breaker, permit: Permit, error: BaseException | None) -> None:
    cause = (error.__cause__ or error) if error is not None else None
    if cause is None:
        permits.succeeded(permit)
    elif not isinstance(cause, NO_FAILURES) and permits.failed(permit, limit.failures):
        logger.warning("%s: nobody begins for %g s", permit.words, limit.wait_seconds)


def patiently(ask: Callable[[], Any]) -> Any:
    """A job with a limit waits for a lost Redis, as it waits for it with its result."""
    while True:
        try:
            return ask()
        except redis_error() as error:
            logger.warning("permits wait for Redis: %s", error)
            time.sleep(REDIS_AGAIN_SECONDS)
