"""Tasks that end badly. Workers of tests get them by `-I`."""

import os
import signal
from typing import Any

from celery import shared_task
from celery.exceptions import Reject

from apps.jobs.errors import TemporaryError


@shared_task
def kill_process_task() -> None:
    """Its process dies each time."""
    os.kill(os.getpid(), signal.SIGKILL)


@shared_task
def kill_worker_task() -> None:
    """The whole worker dies each time, with all that it holds."""
    os.killpg(os.getpgid(os.getppid()), signal.SIGKILL)


@shared_task
def reject_task() -> None:
    raise Reject("not for me", requeue=False)


@shared_task(bind=True, default_retry_delay=1)
def retry_task(self: Any) -> None:
    raise TemporaryError("again, please")


@shared_task
def measure_task(text: str) -> int:
    return len(text)
