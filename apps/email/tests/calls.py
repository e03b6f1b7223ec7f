"""What a submitted job was called with."""

import inspect
from typing import Any

from apps.jobs import catalog, reading


def call(job_id: str) -> dict[str, Any]:
    """The job's arguments by name, however they were passed."""
    job = reading.find(job_id)
    assert job is not None
    run = inspect.signature(catalog.find(job.task).run)
    return dict(run.bind(*job.args, **job.kwargs).arguments)
