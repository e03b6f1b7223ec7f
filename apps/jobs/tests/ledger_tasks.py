"""Tasks of the tests of what happens when a job runs. Counts are kept in the state Redis."""

import os
import signal
from contextlib import suppress
from typing import Any

from celery import shared_task
from celery.exceptions import Ignore, Reject, SoftTimeLimitExceeded

from apps.jobs.errors import PermanentError, Snooze, TemporaryError
from apps.jobs.state import state_redis
from apps.jobs.tests.sample_tasks import add_task

GO_SECONDS = 30


def counted(key: str) -> int:
    """How often it was counted, this time included."""
    found: Any = state_redis().incr(f"test:{key}")
    return int(found)


def times(key: str) -> int:
    found: Any = state_redis().get(f"test:{key}")
    return int(found or 0)


def let_go(key: str) -> None:
    state_redis().rpush(f"test:go:{key}", "go")


@shared_task
def count_runs_task(key: str, result: Any = None) -> Any:
    """Counts, and returns the result."""
    counted(key)
    return result


@shared_task
def hold_until_task(key: str) -> int:
    """Counts, and waits until it is let go."""
    number = counted(key)
    client: Any = state_redis()
    for _ in range(GO_SECONDS):  # the client gives up an answer after three seconds
        if client.blpop([f"test:go:{key}"], timeout=1):
            return number
    raise PermanentError("nobody let it go")


@shared_task
def nap_task(key: str, naps: int) -> int:
    """Snoozes so many times, then tells how often it ran."""
    number = counted(key)
    if number <= naps:
        raise Snooze(1, "closed")
    return number


@shared_task(default_retry_delay=1, retry_backoff=False, max_retries=2)
def fail_task(kind: str) -> None:
    """Fails in the way it is asked to."""
    raise {
        "temporary": TemporaryError("busy", retry_after_seconds=7),
        "permanent": PermanentError("no such user"),
        "ignore": Ignore("never mind"),
        "reject": Reject("not mine", requeue=False),
        "snooze": Snooze(0.4, "closed"),
    }.get(kind, ValueError(kind))


@shared_task(bind=True, max_retries=3)
def own_retry_task(self: Any, countdown: int = 0) -> int:
    """Retries by Celery's own method, once."""
    if not self.request.retries:
        raise self.retry(countdown=countdown)
    return int(self.request.retries)


@shared_task(bind=True)
def replace_task(self: Any, left: int) -> None:
    """Puts another task in its place."""
    raise self.replace(add_task.s(left, 10))


@shared_task(bind=True)
def recurse_task(self: Any, depth: int) -> int:
    """Calls itself as a function."""
    return depth and 1 + int(self(depth - 1))


@shared_task(bind=True)
def tell_task(self: Any, key: str) -> str:
    """Has a state of its own while it waits."""
    self.update_state(state="PROGRESS", meta={"done": 1})
    state_redis().blpop([f"test:go:{key}"], timeout=2)
    return "told"


@shared_task(ignore_result=True, default_retry_delay=1, max_retries=1, soft_time_limit=1, time_limit=2)
def quiet_task(how: str, key: str = "") -> int:
    """Its result is nobody's business."""
    if how == "retry" and counted(key) == 1:
        raise TemporaryError("again")
    if how == "fail":
        raise PermanentError("no")
    while how == "hang":
        with suppress(SoftTimeLimitExceeded):
            signal.pause()
    return 7


@shared_task(time_limit=2)
def wrong_limits_task() -> None:
    """Celery publishes none: its soft limit, the default one, is beyond its hard limit."""
    raise TemporaryError("again")


@shared_task
def die_task(key: str, deaths: int) -> int:
    """Kills its process so many times, then tells how often it ran."""
    number = counted(key)
    if number <= deaths:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@shared_task
def sum_task(numbers: list[int]) -> int:
    """The body of a chord."""
    return sum(numbers)


@shared_task
def note_error_task(*given: Any) -> None:
    """An error callback."""
    counted("errors")
