"""Tasks for trees and chords."""

import time
from typing import Any

from celery import shared_task

from apps.jobs.errors import PermanentError, TemporaryError
from apps.jobs.progress import track


@shared_task
def number_task(number: int) -> int:
    return number


@shared_task
def add_task(before: int, number: int) -> int:
    return before + number


@shared_task
def sum_task(numbers: list[int], words: str = "") -> int:
    return sum(numbers)


@shared_task
def charge_task(results: Any, token: str) -> None:
    """Its second argument is a secret."""


@shared_task
def old_error_task(request: Any, error: Any, trace: Any, token: str) -> None:
    """Called by the failed job's worker."""


@shared_task
def fail_task(*_: Any) -> None:
    raise PermanentError("on purpose")


@shared_task
def note_task(*_: Any) -> str:
    """A callback of any kind."""
    return "noted"


@shared_task
def error_task(job_id: str) -> str:
    """An error callback that is a job; one with three parameters is called by the failed job's worker."""
    return job_id


@shared_task
def slow_task(seconds: float) -> None:
    time.sleep(seconds)


@shared_task
def rows_task(total: int) -> int:
    return sum(1 for _ in track(range(total), total, "rows"))


@shared_task(bind=True, max_retries=2, default_retry_delay=1, retry_backoff=False)
def fixed_task(self: Any) -> None:
    raise TemporaryError("not yet")


@shared_task(bind=True, max_retries=3, default_retry_delay=1, retry_backoff=True)
def growing_task(self: Any) -> None:
    raise TemporaryError("not yet")


@shared_task(bind=True, max_retries=1, default_retry_delay=40, retry_backoff=True, retry_jitter=True)
def jitter_task(self: Any) -> None:
    raise TemporaryError("not yet")
