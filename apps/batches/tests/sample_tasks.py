"""Tasks of the tests' batches, and what they leave behind in Redis."""

import time
from typing import Any

from celery import shared_task

from apps.batches import current_batch
from apps.jobs.errors import PermanentError
from apps.jobs.state import state_redis

POLL_SECONDS = 0.02


def note(what: str, value: Any) -> None:
    state_redis().rpush(f"test:{what}", str(value))


def noted(what: str) -> list[str]:
    found: Any = state_redis().lrange(f"test:{what}", 0, -1)
    return [text.decode() if isinstance(text, bytes) else text for text in found]


@shared_task
def part_task(number: int = 0) -> int:
    """Fails while the key `broken:NUMBER` is in Redis."""
    if state_redis().exists(f"broken:{number}"):
        raise PermanentError(f"{number} is broken")
    return number


@shared_task
def fifth_fails_task(number: int, seconds: float = 0.0) -> int:
    time.sleep(seconds)
    if number % 5 == 0:
        raise PermanentError(f"{number} is a multiple of five")
    return number


@shared_task(unique_key=("number",))  # type: ignore[call-overload] # celery-types doesn't know our option
def keyed_part_task(number: int = 0) -> int:
    return number


@shared_task
def hold_task(until: str) -> None:
    """Runs until the key `until` is in Redis."""
    note("holding", until)
    while not state_redis().exists(until):
        time.sleep(POLL_SECONDS)


@shared_task
def spread_task(count: int) -> int:
    """Adds so many members to its own batch."""
    batch = current_batch()
    assert batch is not None
    batch.add_many(part_task, [[number] for number in range(count)])
    return batch.id


@shared_task
def nest_task(count: int) -> int:
    """Opens a batch in its own."""
    batch = current_batch()
    assert batch is not None
    with batch.open_batch("inner", on_finished=f"{__name__}.told_task") as inner:
        inner.add_many(part_task, [[number] for number in range(count)])
    return inner.id


@shared_task
def told_task(batch_id: int, word: str = "finished") -> None:
    note("told", f"{word} {batch_id}")


@shared_task
def other_name_task(which: int, password: str = "") -> None:
    note("told", f"other {which}")
