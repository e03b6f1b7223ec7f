"""The jobs of one round: what many schedules have in common is checked, redacted and routed once."""

from datetime import datetime
from operator import attrgetter
from typing import Any
from uuid import uuid4

from django.db import OperationalError, connection, transaction
from django_celery_beat.models import PeriodicTask

from apps.jobs import Job
from apps.jobs.errors import JobError
from apps.jobs.submitting import OWN, SHARED, new_job
from apps.schedules.running import prepare

# All that a job is made of, but for the name of the schedule and the due time.
SAYS = attrgetter(
    "task", "args", "kwargs", "headers", "queue", "exchange", "routing_key", "priority", "expire_seconds"
)


class Preparing:
    """Remembers for one round, in which neither tasks nor routes change, what became of what."""

    def __init__(self) -> None:
        self.known: dict[Any, Job | JobError] = {}

    def job(self, schedule: PeriodicTask, due_at: datetime, jitter_seconds: int) -> Job:
        """As `prepare` makes it. Raises what `prepare_apart` raises."""
        if jitter_seconds or schedule.expires:  # its job has times of its own
            return prepare_apart(schedule, due_at, jitter_seconds)
        says = SAYS(schedule)
        found = self.known.get(says)
        if found is None:
            found = self.known[says] = job_or_error(schedule, due_at)
        if isinstance(found, JobError):
            raise found.with_traceback(None)
        if found.rule:  # its task declares a key, and with that times of its own
            return prepare_apart(schedule, due_at)
        return like(found, schedule.name, due_at)


def job_or_error(schedule: PeriodicTask, due_at: datetime) -> Job | JobError:
    try:
        return prepare_apart(schedule, due_at)
    except JobError as error:
        return error


def prepare_apart(schedule: PeriodicTask, due_at: datetime, jitter_seconds: int = 0) -> Job:
    """As `prepare`, in a savepoint: a router may ask the database, and its error would end the round.

    Raises what `prepare` raises, and OperationalError when the database itself is gone.
    """
    try:
        with transaction.atomic():
            return prepare(schedule, due_at, jitter_seconds)
    except Exception as error:
        if connection.needs_rollback:  # not even back to the savepoint
            raise OperationalError(f"the database was lost: {error}") from error
        raise


def like(job: Job, schedule: str, due_at: datetime) -> Job:
    """Another job for the same, of that schedule and due time."""
    values = {name: getattr(job, name) for name in OWN + SHARED}
    outbox = values["outbox"]
    headers = outbox["headers"] | {"scheduled_for": due_at.isoformat()}
    values |= {"id": str(uuid4()), "schedule": schedule, "outbox": outbox | {"headers": headers}}
    return new_job(**values)
