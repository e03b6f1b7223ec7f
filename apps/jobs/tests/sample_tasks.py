"""Tasks that only tests know. Workers get them by CELERY's `imports` (see `sample_worker`)."""

from typing import Any

from celery import shared_task

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
