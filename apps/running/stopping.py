"""Whether this job should stop between two steps: its worker stops, or it is paused.

The worker's main process hears that it shall stop. It says so in memory that it shares with the processes
of its pool, so that a job may look after each step.
"""

from mmap import mmap
from typing import Any

from celery.app.task import Context
from celery.signals import worker_shutting_down

from apps.gate import desired
from apps.jobs.routing import queue_of_delivery

WORKER_STOPS = mmap(-1, 1)  # before the pool forks


@worker_shutting_down.connect(dispatch_uid="running.stopping")
def tell(**_: Any) -> None:
    """Celery sends its signal only after a soft shutdown, for which the worker's step calls this itself."""
    WORKER_STOPS[0] = 1


def why_stop(request: Context) -> str:
    """For people; "" to go on. Costs a look at the clock, and a question to Redis once a second."""
    if WORKER_STOPS[0]:
        return "its worker stops"
    stop = desired.current().stop_for(
        str(request.get("task")), queue_of_delivery(request.delivery_info or {})
    )
    return f"paused: {stop.what} {stop.name}".rstrip() if stop else ""
