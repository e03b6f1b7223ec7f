"""Running one message as a worker does: retries, naps, links, chains and chords included."""

import json
from dataclasses import dataclass
from typing import Any

from celery import current_app, states
from celery.app.trace import build_tracer
from celery.exceptions import NotRegistered
from django.utils import timezone
from kombu.utils.json import dumps

from apps.jobs.models import Job
from apps.jobs.redacting import redact, scrub_text
from apps.jobs.standing import frees
from apps.jobs.states import FINISHED, Reason, State
from apps.testing.capturing import Sent

WORKER = "test"
SNOOZED = "SNOOZED"
ERROR_LENGTH = 1000


@dataclass(frozen=True)
class Ran:
    """One try of a job. `state` is that of the ledger, or "SNOOZED"; `error` is what the task raised."""

    id: str
    task: str
    args: list[Any]
    kwargs: dict[str, Any]
    state: str
    result: Any = None
    error: BaseException | None = None

    def __str__(self) -> str:
        values = [repr(value) for value in self.args]
        values += [f"{name}={value!r}" for name, value in self.kwargs.items()]
        return f"{self.task}({', '.join(values)}) {self.state}" + (f": {self.error!r}" if self.error else "")


def run(sent: Sent) -> Ran:
    """Runs the task's code once. What it sends itself is captured, and not run yet."""
    key = sent.headers.get("frees_key")
    if key and not frees(sent.id, key):
        return ended(sent, State.REVOKED)
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001
    task = app.tasks.get(sent.task)
    if task is None:
        return ended(sent, State.FAILURE, error=NotRegistered(sent.task))
    trace = build_tracer(task.name, task, app=app, propagate=False, hostname=WORKER)
    found = trace(sent.id, sent.args, sent.kwargs, request_of(sent))
    if found.info is None:
        return ended(sent, State.SUCCESS, result=found.retval)
    error = found.info.retval
    return ended(sent, STATES.get(found.info.state, found.info.state), error=cause_of(error))


STATES: dict[str, str] = {states.IGNORED: State.REVOKED, states.REJECTED: State.FAILURE}


def cause_of(error: Any) -> BaseException | None:
    """A retry stands for the error that made it one."""
    found = getattr(error, "exc", None) or error
    return found if isinstance(found, BaseException) else None


def ended(sent: Sent, state: str, result: Any = None, error: BaseException | None = None) -> Ran:
    return Ran(sent.id, sent.task, sent.args, sent.kwargs, state, result, error)


def request_of(sent: Sent) -> dict[str, Any]:
    delivery = {"routing_key": sent.queue, "exchange": "", "redelivered": False, "priority": None}
    return {
        **sent.headers,
        **sent.links,
        "args": sent.args,
        "kwargs": sent.kwargs,
        "hostname": WORKER,
        "delivery_info": delivery,
        "is_eager": False,
        "reply_to": None,
        "correlation_id": sent.id,
    }


def write(sent: Sent, ran: Ran) -> None:
    """The ledger, as the recorder would have it in the end."""
    now = timezone.now()
    over = ran.state in FINISHED
    task = current_app.tasks.get(sent.task)
    shown = redact(task, sent.args, sent.kwargs)
    made = {
        "task": sent.task,
        "queue": sent.queue,
        "args": list(shown.args),
        "kwargs": dict(shown.kwargs),
        "redacted": list(shown.names),
        "submitted_at": sent.at,
    }
    job, _created = Job.objects.get_or_create(id=sent.id, defaults=made)
    if job.args is None:  # a later step of a chain, which was called just now
        job.args, job.kwargs = made["args"], made["kwargs"]
    job.state = State.PENDING if ran.state == SNOOZED else ran.state
    job.reason = reason_of(ran)
    job.error = scrub_text(str(ran.error))[:ERROR_LENGTH] if ran.error else ""
    job.result = json.loads(dumps(ran.result))
    job.attempts += 1
    job.worker, job.outbox = WORKER, None
    job.published_at, job.started_at = job.published_at or now, now
    job.first_started_at = job.first_started_at or now
    job.finished_at = now if over else None
    job.save()


def reason_of(ran: Ran) -> Reason:
    if ran.state == SNOOZED:
        return Reason.SNOOZED
    if ran.state == State.REVOKED:
        return Reason.CANCELLED
    return Reason.ERROR if ran.state == State.FAILURE else Reason.NONE
