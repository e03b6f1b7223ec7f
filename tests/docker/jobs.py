"""Tasks for the workers that these tests start."""

import time
from pathlib import Path
from typing import Any

from celery import Task, shared_task


@shared_task
def add_task(left: int, right: int) -> int:
    return left + right


@shared_task
def total_task(numbers: list[int]) -> int:
    return sum(numbers)


@shared_task(bind=True)
def second_try_task(self: "Task[Any, Any]") -> int:
    if self.request.retries == 0:
        raise self.retry(countdown=1)
    return int(self.request.retries)


@shared_task
def slow_task(mark: str, seconds: float) -> str:
    """Writes a line to the file `mark` when it starts, and a second one when it is done."""
    with Path(mark).open("a") as file:
        file.write("started\n")
    time.sleep(seconds)
    with Path(mark).open("a") as file:
        file.write("done\n")
    return "done"
