"""The tries of a job."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.jobs.models import Attempt

SHOWN = 50  # a job may be tried thousands of times


@dataclass(frozen=True)
class AttemptView:
    """One try, known by its `token`. `outcome` is one of states.Outcome, empty while it runs."""

    token: int
    number: int
    worker: str
    instance: str
    started: datetime
    finished: datetime | None
    outcome: str
    error_kind: str
    error_message: str
    trace: str

    @property
    def run_time(self) -> timedelta | None:
        return self.finished - self.started if self.finished else None

    @property
    def error(self) -> str:
        """`ValueError: no such file`, or what is known of it."""
        return ": ".join(filter(None, [self.error_kind, self.error_message]))


def tries(job_id: str) -> list[AttemptView]:
    """The latest SHOWN, the first of them first."""
    newest = Attempt.objects.filter(job_id=job_id).order_by("-token")[:SHOWN]
    return [
        AttemptView(
            token=row.token,
            number=row.number,
            worker=row.worker,
            instance=row.instance,
            started=row.started_at,
            finished=row.finished_at,
            outcome=row.outcome,
            error_kind=row.error_kind,
            error_message=row.error_message,
            trace=row.trace,
        )
        for row in reversed(newest)
    ]
