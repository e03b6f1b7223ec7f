"""Jobs that have come so far, in Redis and in the ledger, without a worker."""

from typing import Any

from celery.app.task import Context

from apps.jobs.acting import cancel
from apps.jobs.errors import TemporaryError
from apps.jobs.models import Job
from apps.jobs.submitting import submit
from apps.jobs.tests.ledger import backend, drain
from apps.jobs.tests.sample_tasks import add_task

ADD = str(add_task.name)


def request_of(job: Job, **more: Any) -> Context:
    route = {"routing_key": job.queue, "redelivered": False}
    known = {"task": job.task, "args": job.args, "kwargs": job.kwargs, "submitted_at": 1.0}
    return Context(id=job.id, hostname="worker@here", delivery_info=route, **{**known, **more})


def started(job: Job, **more: Any) -> Context:
    """A worker begins to run it."""
    request = request_of(job, **more)
    start = backend().start(request, tracked=True)
    assert start.verdict == "run"
    request.update(try_number=start.number, try_token=start.token)
    return request


def in_state(state: str, **options: Any) -> Job:
    """A job that has come so far, in Redis and in the ledger."""
    job = submit(ADD, kwargs={"left": 1, "right": 2}, **options)
    if state != "PENDING":
        bring(job, state)
    drain()
    return Job.objects.get(id=job.id)


def bring(job: Job, state: str) -> None:
    if state == "REVOKED":
        cancel(job.id)
        return
    request = started(job)
    if state == "SUCCESS":
        backend().mark_as_done(job.id, 3, request)
    elif state == "FAILURE":
        backend().mark_as_failure(job.id, ValueError("no"), request=request)
    elif state == "RETRY":
        backend().mark_as_retry(job.id, TemporaryError("busy"), request=request)
    elif state == "SNOOZED":
        backend().snooze(request, "later", 5)
    elif state == "LOST":
        backend().lose(job.id, "{}")


def row(job: Job) -> Job:
    drain()
    return Job.objects.get(id=job.id)
