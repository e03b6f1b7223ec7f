"""Tasks that log, last and hide things, for the tests of acting on jobs."""

import logging
import threading
import time
from typing import Any

from celery import shared_task
from celery.utils.log import get_task_logger

from apps.jobs.errors import TemporaryError

logger = logging.getLogger(__name__)
celery_logger = get_task_logger("shop")


@shared_task
def talk_task(lines: list[str], level: str = "INFO") -> int:
    """Logs each line."""
    for line in lines:
        logger.log(logging.getLevelName(level), line)
    return len(lines)


@shared_task
def chatter_task(count: int) -> int:
    """Logs so many lines."""
    for number in range(count):
        logger.info("line %d", number)
    return count


@shared_task
def murmur_task() -> None:
    """Logs in each way that a task may."""
    celery_logger.warning("by Celery's logger")
    thread = threading.Thread(target=logger.info, args=("from a thread of its own",))
    thread.start()
    thread.join()
    try:
        int("no number")
    except ValueError:
        logger.exception("with a trace")


@shared_task(bind=True, default_retry_delay=1, retry_backoff=False)
def halting_task(self: object) -> str:
    """Fails once."""
    retries: int = self.request.retries  # type: ignore[attr-defined]
    logger.info("try with %d retries behind it", retries)
    if not retries:
        raise TemporaryError("not yet")
    return "done"


@shared_task
def nap_task(seconds: float) -> str:
    """Takes so long."""
    logger.info("asleep")
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        time.sleep(0.05)
    return "awake"


@shared_task
def pay_task(amount: int, password: str = "", note: str = "") -> int:
    """Takes a secret."""
    return amount


@shared_task
def hold_task(value: Any, *rest: Any, **more: Any) -> None:
    """Takes whatever there is."""
