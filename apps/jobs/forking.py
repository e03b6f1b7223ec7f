"""What a worker does around the fork of its pool processes."""

import gc
from typing import Any

from celery.signals import worker_before_create_process

# New objects before the collector looks at them. Python's own 700 make it look at every job.
YOUNG_OBJECTS = 10_000


@worker_before_create_process.connect(dispatch_uid="jobs.freeze")
def leave_modules_alone(**_: Any) -> None:
    """Keeps the garbage collector away from all that is loaded by now.

    It would look through every module again and again, and in a pool process each look copies the
    pages that it shares with the others.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, *gc.get_threshold()[1:])
