"""What a worker has to ask PostgreSQL: whether a job has ended, after Redis has lost its data, and whether
one with a key may begin. Raises the errors of a database that is away; the next question connects anew.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal

from django.db import InterfaceError, OperationalError, connection

from apps.jobs.models import Job, JobKey
from apps.jobs.states import FINISHED


def ending_of(job_id: str) -> Literal["open", "ended", "cancelled"]:
    """Whether it is over: "cancelled" where the ledger wasn't told of that end, "open" without a row."""
    with asking():
        row = Job.objects.filter(id=job_id).values_list("state", "cancelled_at").first()
    if row is None:
        return "open"
    state, cancelled_at = row
    if state in FINISHED:
        return "ended"
    return "cancelled" if cancelled_at else "open"


def frees(job_id: str, key: str) -> bool:
    """A job that begins gives its key back; False if a newer one has taken its place, so it must not begin.

    A second delivery finds the key gone, or with a newer job, and leaves it there.
    """
    with asking():
        freed, _ = JobKey.objects.filter(key=key, job_id=job_id).delete()
        # In a statement of its own: it has to see what whoever had the key's row locked has written.
        return bool(freed) or not Job.objects.filter(id=job_id, cancelled_at__isnull=False).exists()


@contextmanager
def asking() -> Iterator[None]:
    try:
        yield
    except (OperationalError, InterfaceError):
        connection.close()
        raise
