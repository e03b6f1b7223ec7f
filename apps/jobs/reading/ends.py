"""How the last jobs of schedules ended. Only success and failure count: a cancelled job says nothing."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Max

from apps.jobs.models import Job
from apps.jobs.states import State

# By the index job_ended_by_schedule, whose conditions are said again.
LATEST = """
SELECT asked.name, job.id, job.state, job.finished_at
FROM unnest(%s::text[]) AS asked(name) CROSS JOIN LATERAL (
    SELECT id, state, finished_at FROM jobs_job
    WHERE schedule = asked.name AND schedule <> '' AND finished_at IS NOT NULL
    AND state IN ('SUCCESS', 'FAILURE') ORDER BY finished_at DESC LIMIT %s
) AS job
ORDER BY asked.name, job.finished_at DESC
"""


@dataclass(frozen=True)
class End:
    """One job's."""

    job_id: str
    state: str
    at: datetime

    @property
    def failed(self) -> bool:
        return self.state == State.FAILURE


def failed_since(moment: datetime) -> dict[str, datetime]:
    """The names of schedules that a job of theirs failed for after that, and when the last one did."""
    failed = Job.objects.filter(state=State.FAILURE, finished_at__gt=moment).exclude(schedule="")
    return dict(failed.order_by().values_list("schedule").annotate(last=Max("finished_at")))


def latest_ends(schedules: Iterable[str], limit: int) -> dict[str, list[End]]:
    """The last ends of each schedule's jobs, the newest first."""
    found: dict[str, list[End]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(LATEST, [sorted(schedules), limit])
        for name, *end in cursor.fetchall():
            found[name].append(End(*end))
    return found
