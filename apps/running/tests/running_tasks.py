"""Tasks that last, and what they leave behind in Redis for tests to see."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from celery import shared_task

from apps.jobs.progress import check_cancelled, track
from apps.jobs.state import state_redis
from apps.running.steps import checkpoint, last_cursor, steps


def note(what: str, value: Any = "") -> None:
    state_redis().rpush(f"test:{what}", str(value))


def noted(what: str) -> list[str]:
    found: Any = state_redis().lrange(f"test:{what}", 0, -1)
    return list(found)


def wait_for(key: str) -> None:
    while not state_redis().exists(key):
        time.sleep(0.02)


@shared_task
def asking_task() -> None:
    """Asks whether it shall end, and goes on after errors of its rows."""
    note("asking", os.getpid())
    while True:
        with suppress(Exception):
            part_task()
        time.sleep(0.02)


@shared_task
def part_task() -> None:
    """Part of another job, which calls it as a function."""
    check_cancelled()


@shared_task
def tracking_task(count: int) -> None:
    for _ in track(range(count), message="rows"):
        time.sleep(0.001)


@shared_task(cancel_grace=1)  # type: ignore[call-overload] # celery-types doesn't know our option
def deaf_task() -> None:
    """Asks nothing."""
    note("deaf", os.getpid())
    stand_here()


def stand_here() -> None:
    wait_for("test:never")


@shared_task(cancel_grace=1)  # type: ignore[call-overload] # celery-types doesn't know our option
def stubborn_task() -> None:
    """Doesn't go when it is told to."""
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
    note("stubborn", os.getpid())
    wait_for("test:never")


@shared_task(cancel_grace=1)  # type: ignore[call-overload] # celery-types doesn't know our option
def surviving_task() -> None:
    """Takes it for an error when it is told to go."""
    note("surviving", os.getpid())
    try:
        stand_here()
    except SystemExit:
        note("survived", os.getpid())


@shared_task
def dying_task() -> None:
    """Kills its process, at first."""
    note("dying", os.getpid())
    if len(noted("dying")) == 1:
        os.kill(os.getpid(), signal.SIGKILL)


@shared_task
def patient_task(until: str) -> str:
    note("patient", os.getpid())
    wait_for(until)
    return "done"


@shared_task
def quick_task() -> str:
    return "done"


@shared_task(max_retries=0)
def walk_task(count: int, pause_at: int = 0) -> int:
    """Notes each step, and waits at one of them for `test:go`."""

    def numbers(after: int | None) -> Iterator[int]:
        yield from range((after or 0) + 1, count + 1)

    done = 0
    for number in steps(numbers, cursor=lambda number: number, total=count, every_seconds=0):
        note("step", number)
        if number == pause_at:
            note("waits", os.getpid())
            wait_for("test:go")
        time.sleep(0.01)
        done += 1
    return done


@shared_task(max_retries=0)
def points_task(count: int) -> list[int]:
    """A loop of its own making."""
    found = []
    for number in range((last_cursor("points") or 0) + 1, count + 1):
        note("point", number)
        found.append(number)
        checkpoint(number, "points")
        if number == 2:
            wait_for("test:go")
    return found
