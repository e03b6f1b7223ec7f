"""Jobs that run and were asked to end (`apps.jobs.acting.cancel`)."""

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from celery import current_app
from django.conf import settings

from apps.jobs import catalog
from apps.jobs.backends import ledger_backend
from apps.jobs.models import Job
from apps.jobs.state import redis_error
from apps.jobs.states import FINISHED, State

logger = logging.getLogger(__name__)

REMINDED_MOST = 1000


@dataclass(frozen=True)
class Wish:
    """`note` says who wants the job to end, and why; from `kill_at` on its worker kills it."""

    asked_at: datetime
    kill_at: datetime
    note: str


def wish_of(job_id: str) -> Wish | None:
    """None of a job that was not asked, or that has ended."""
    rows = Job.objects.filter(id=job_id, cancelled_at__isnull=False).exclude(state__in=FINISHED)
    row = rows.values_list("task", "cancelled_at", "note").first()
    if row is None or row[1] is None:
        return None
    return Wish(row[1], row[1] + timedelta(seconds=grace_of(row[0])), row[2])


def grace_of(task_name: str) -> float:
    """Of a task that only its workers know, the general one. In seconds."""
    task = catalog.tasks().get(task_name)
    return float(getattr(task, "cancel_grace", settings.CANCEL_GRACE_SECONDS))


def remind() -> None:
    """Tells Redis again what it may have lost: the rows hold."""
    backend = ledger_backend(current_app)
    if backend is None:
        return
    rows = Job.objects.filter(state=State.STARTED, cancelled_at__isnull=False).values_list("id", "note")
    try:
        for job_id, note in rows[:REMINDED_MOST]:
            backend.ask_to_end(job_id, note)
    except redis_error() as error:
        logger.warning("jobs that were asked to end wait for Redis: %s", error)
