"""Tasks that only tests know. Workers get them by CELERY's `imports` (see `sample_worker`)."""

from typing import Any

from celery import shared_task

from apps.jobs.errors import TemporaryError
from apps.jobs.progress import progress, track


@shared_task
def add_task(left: int, right: int = 1) -> int:
    """Adds two numbers.

    left: the first number
    """
    return left + right


@shared_task
def count_task(total: int) -> dict[str, Any]:
    """Counts, and says how far it is."""
    for _ in track(range(total), total, "counting"):
        pass
    progress(total, total, "counted")
    return {"counted": total}


@shared_task(bind=True, default_retry_delay=1, retry_backoff=False)
def stumble_task(self: Any, times: int) -> str:
    """Fails so many times, then tells the queue it was delivered from."""
    if self.request.retries < times:
        raise TemporaryError("not yet")
    return str(self.request.delivery_info["routing_key"]).rpartition(".")[2]


@shared_task(name="bench.noop")
def noop_task() -> None:
    """Does nothing, for figures."""
