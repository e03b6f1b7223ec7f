"""What the ledger knows of a job's end, for a worker whose Redis has lost its data."""

from typing import Literal

from django.db import InterfaceError, OperationalError, connection

from apps.jobs.models import Job
from apps.jobs.states import FINISHED


def ending_of(job_id: str) -> Literal["open", "ended", "cancelled"]:
    """Whether it is over: "cancelled" where the ledger has not been told of that end, "open" without a row.

    Raises the errors of a database that is away; the next question connects anew.
    """
    try:
        row = Job.objects.filter(id=job_id).values_list("state", "cancelled_at").first()
    except (OperationalError, InterfaceError):
        connection.close()
        raise
    if row is None:
        return "open"
    state, cancelled_at = row
    if state in FINISHED:
        return "ended"
    return "cancelled" if cancelled_at else "open"
