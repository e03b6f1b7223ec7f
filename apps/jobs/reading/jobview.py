"""One job as people see it."""

from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from apps.jobs import progress
from apps.jobs.models import Job
from apps.jobs.states import FINISHED, Reason, State

COLUMNS = {
    "submitted": "submitted_at",
    "published": "published_at",
    "first_started": "first_started_at",
    "started": "started_at",
    "finished": "finished_at",
    "expires": "expires_at",
}


@dataclass(frozen=True)
class JobView:
    """A row of the ledger. What `redacted` names is hidden in `args` and `kwargs`.

    `submitted` is None for a job that only Redis remembers. `args` and `kwargs` are None where the
    ledger has none. `wait_time` is that of the first try, counted from when the job might have
    started; `run_time` that of the last. `retried` says that another job is a retry of this one.
    """

    id: str
    task: str
    state: str
    reason: str = ""
    error: str | None = None
    result: Any = None
    note: str = ""
    args: Any = None
    kwargs: Any = None
    redacted: tuple[str, ...] = ()
    queue: str = ""
    priority: int | None = None
    attempts: int = 0
    resends: int = 0
    worker: str = ""
    instance: str = ""
    submitted: datetime | None = None
    published: datetime | None = None
    first_started: datetime | None = None
    started: datetime | None = None
    finished: datetime | None = None
    eta: datetime | None = None
    expires: datetime | None = None
    wait_time: timedelta | None = None
    run_time: timedelta | None = None
    parent: str | None = None
    root: str | None = None
    group: str | None = None
    retry_of: str | None = None
    retried: bool = False
    schedule: str = ""
    source: str = ""
    submitter: str = ""
    key: str = ""
    tags: tuple[str, ...] = ()

    @property
    def ended(self) -> bool:
        return self.state in FINISHED

    @property
    def held(self) -> bool:
        """Waits for its time to come, or at the gate."""
        later = self.eta is not None and self.eta > timezone.now()
        return self.state == State.PENDING and (later or self.reason == Reason.HELD)

    @property
    def dead(self) -> bool:
        """Failed, and nobody has run it again."""
        return self.state == State.FAILURE and not self.retried

    @property
    def progress(self) -> progress.Progress | None:
        return progress.read(self.id)


NAMES = tuple(field.name for field in fields(JobView))


def view(row: Job, **known: Any) -> JobView:
    """`known` are fields of the view that the row doesn't have, or shall not be asked for."""
    known = {"retried": getattr(row, "retried", False), **known}
    found = {name: getattr(row, COLUMNS.get(name, name)) for name in NAMES if name not in known} | known
    found |= {"error": found["error"] or None, "tags": tuple(row.tags), "redacted": tuple(row.redacted)}
    return JobView(**found)
