"""Jobs with their progress, which lives in Redis."""

import logging
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from apps.jobs.progress import Progress
from apps.jobs.reading.jobview import JobView
from apps.jobs.state import redis_error

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Live:
    job: JobView
    progress: Progress | None

    @property
    def running_for(self) -> timedelta | None:
        return timezone.now() - self.job.started if self.job.started else None


def with_progress(jobs: list[JobView]) -> list[Live]:
    """Without Redis the pages still show everything else, so its loss costs the bars only."""
    try:
        return [Live(job, job.progress) for job in jobs]
    except redis_error() as error:
        logger.warning("progress can't be read: %s", error)
        return [Live(job, None) for job in jobs]
