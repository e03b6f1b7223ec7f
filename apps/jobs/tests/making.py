"""Rows of the ledger as the recorder writes them, for tests of what reads them."""

from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from apps.jobs.models import Attempt, Job
from apps.jobs.states import FINISHED

ADD = "apps.jobs.tests.sample_tasks.add_task"


def job(state: str = "SUCCESS", **columns: Any) -> Job:
    """Ids count up: job-0, job-1. `created` and `done` are moments 1 s before and 2 s after its start."""
    created: datetime = columns.pop("created", timezone.now())
    started = created + timedelta(seconds=1) if state in {"STARTED", *FINISHED} else None
    done = columns.pop("done", created + timedelta(seconds=3))
    row = Job.objects.create(
        **{
            "id": f"job-{Job.objects.count()}",
            "task": ADD,
            "queue": "default",
            "args": [],
            "kwargs": {"left": 1},
            "state": state,
            "submitted_at": created,
            "published_at": created,
            "first_started_at": started,
            "started_at": started,
            "finished_at": done if state in FINISHED else None,
            "attempts": int(started is not None),
            **columns,
        }
    )
    row.refresh_from_db()
    return row


def failure(message: str = "no paint", **columns: Any) -> Job:
    return job("FAILURE", **{"reason": "error", "error": f"ValueError: {message}", **columns})


def attempt(row: Job, outcome: str = "", **columns: Any) -> Attempt:
    """The job's next one."""
    number = Attempt.objects.filter(job_id=row.id).count() + 1
    begun = row.submitted_at + timedelta(seconds=number)
    found = {"number": number, "token": number, "started_at": begun, "worker": "w1@host", **columns}
    return Attempt.objects.create(job=row, outcome=outcome, **found)
