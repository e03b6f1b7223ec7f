"""Acting on jobs that exist: running one again, and cancelling one."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Unpack

from celery import current_app
from celery.app.task import Context
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now
from django.utils.translation import gettext as _
from kombu.exceptions import OperationalError

from apps.jobs import catalog, plain
from apps.jobs.errors import ArgumentError, JobError
from apps.jobs.live import live_state, state_at_best
from apps.jobs.models import Hold, Job
from apps.jobs.orders import Options
from apps.jobs.recalling import KeyTaken, NotRetryable, call_of
from apps.jobs.redacting import Redacted, reprs
from apps.jobs.state import redis_error
from apps.jobs.states import FINISHED, State
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.submitting import submit

__all__ = [
    "CancelResult", "KeyTaken", "NotCancelled", "NotRetryable", "UnknownJob", "cancel", "find", "retry",
    "state_at_best",
]  # fmt: skip

logger = logging.getLogger(__name__)

NO_TRY = "0-0"  # a token that no try has: the tries so far keep their outcomes
BY_LENGTH, WHY_LENGTH = 150, 1000
BROKER_SECONDS = 5


class UnknownJob(JobError):
    """No job has that id."""


class NotCancelled(JobError):
    """Redis, which keeps workers from running a cancelled job, is out of reach: nothing was changed."""


@dataclass(frozen=True)
class CancelResult:
    """What became of a wish to cancel.

    cancelled: it waited, and no worker will run it.  killed: it ran, and the workers are told to kill it.
    asked: it runs, and is asked to end.  ended: it had ended before; `state` says how.
    """

    id: str
    outcome: Literal["cancelled", "killed", "asked", "ended"]
    state: str
    text: str

    @property
    def done(self) -> bool:
        """Whether the job is cancelled now, by this wish or an earlier one."""
        return self.state == State.REVOKED


def retry(
    job_id: str,
    args: Sequence[Any] | None = None,
    kwargs: Mapping[str, Any] | None = None,
    by: str = "",
    **options: Unpack[Options],
) -> Job:
    """Hands in a new job like the one that ended, with `args` and `kwargs` instead of its own if given.

    Queue, priority, tags and schedule are the old job's unless `options` say otherwise. A value in
    them that was redacted is put back where it is still known. A key that the old job has still goes to
    the new one. Raises UnknownJob, NotRetryable (KeyTaken where another job has the key: that one is left
    as it is), and what `submit` raises.
    """
    job = find(job_id)
    state = state_at_best(job)
    if state not in FINISHED:
        said = _("job %(id)s is %(state)s; only a job that has ended is run again")
        raise NotRetryable(said % {"id": job.id, "state": state})
    call = call_of(job, args, kwargs)
    same: Options = {**inherited(job), "submitter": by, **options, "retry_of": job.id}
    new = submit(job.task, args=call["args"], kwargs=call["kwargs"], **same)
    if new.existing:
        raise KeyTaken(taken_words(job, new))
    return new


def cancel(job_id: str, by: str = "", why: str = "", *, force: bool = False) -> CancelResult:
    """Ends a job that waits, and asks one that runs to end; with `force` kills the process of that one.

    Who is asked stops in `progress`, `check_cancelled` or between two steps; if it doesn't within its task's
    `cancel_grace` seconds, its worker kills it. It isn't started again, whatever becomes of its worker.
    It holds at once, whatever becomes of the caller's transaction, and for jobs that a worker already
    has in hand. Cancelling again changes nothing. Raises UnknownJob, NotCancelled, ArgumentError.
    """
    check_words(by, why)
    try:
        stream_redis().ping()  # the backend would wait for a lost Redis without end, and the row be locked
        result = decide(job_id, by, why, force=force)
    except redis_error() as error:
        raise NotCancelled(_("Redis can't be reached: %(error)s") % {"error": error}) from error
    return kill(result) if result.outcome == "killed" else result


def find(job_id: str) -> Job:
    return one(job_id, Job.objects.all())


def one(job_id: str, rows: Any) -> Job:
    job: Job | None = rows.filter(id=job_id).first() if plain.complaint(job_id) is None else None
    if job is None:
        raise UnknownJob(_("no job has the id %(id)s") % {"id": job_id[:255]})
    return job


# --- Running again ------------------------------------------------------------------------------
def taken_words(job: Job, holder: Job) -> str:
    said = _("job %(id)s is not run again: job %(other)s, which is %(state)s, has the key %(key)s")
    return said % {"id": job.id, "other": holder.id, "state": state_at_best(holder), "key": holder.key}


def inherited(job: Job) -> Options:
    """A queue that is gone, and a priority that nobody told, are left to the routes and the default."""
    found: Options = {"tags": list(job.tags), "schedule": job.schedule}
    if job.priority is not None:
        found["priority"] = job.priority
    if job.queue in {queue.name for queue in settings.CELERY_TASK_QUEUES}:
        found["queue"] = job.queue
    return found


# --- Cancelling ---------------------------------------------------------------------------------
def check_words(by: str, why: str) -> None:
    problems = {}
    for name, text, longest in (("by", by, BY_LENGTH), ("why", why, WHY_LENGTH)):
        if not isinstance(text, str) or len(text) > longest or plain.complaint(text):
            problems[name] = f"expected a text of at most {longest} characters"
    if problems:
        raise ArgumentError(problems)


def sentence(by: str, why: str, *, asked: bool = False) -> str:
    words = _("asked to end") if asked else _("cancelled")
    said = _("%(words)s by %(by)s") % {"words": words, "by": by} if by else words
    return f"{said}: {why}" if why else said


def decide(job_id: str, by: str, why: str, *, force: bool) -> CancelResult:
    """The row is locked, so that no relay publishes it meanwhile.

    Redis is told before the outbox is emptied: in between, a crash leaves a message that no worker
    runs; the other way round it would leave a job that waits for ever.
    """
    with transaction.atomic():
        job = one(job_id, Job.objects.select_for_update())
        state, token, count = live_state(job)
        if state in FINISHED:
            return ended(job, state)
        runs = state == State.STARTED
        if runs and not force:
            if ask(job, sentence(by, why, asked=True)):
                return CancelResult(job.id, "asked", state, asked_words(job))
            runs = False  # it has just ended, or waits for its next try
        note = sentence(by, why)
        revoke(job, count, runs=runs)
        state, token_now, _count = live_state(job)
        if state != State.REVOKED:
            return ended(job, state)
        note_on_row = "; ".join(filter(None, [job.note, note]))
        Hold.objects.filter(job_id=job.id).delete()
        Job.objects.filter(id=job.id).update(outbox=None, note=note_on_row, cancelled_at=Now())
    if runs or (force and token_now != token):
        return CancelResult(job.id, "killed", state, note)
    if token_now != token:
        note = _("%(note)s; a worker had just begun it, and its outcome will not count") % {"note": note}
    return CancelResult(job.id, "cancelled", state, note)


def ask(job: Job, note: str) -> bool:
    """Redis tells the job and its worker; the row holds whatever becomes of Redis. The first wish counts."""
    if not current_app.backend.ask_to_end(job.id, job.note if job.cancelled_at else note):
        return False
    if job.cancelled_at is None:
        words = "; ".join(filter(None, [job.note, note]))
        Job.objects.filter(id=job.id).update(note=words, cancelled_at=Now())
    return True


def asked_words(job: Job) -> str:
    if job.cancelled_at:
        return _("asked to end already")
    grace = getattr(catalog.tasks().get(job.task), "cancel_grace", settings.CANCEL_GRACE_SECONDS)
    words = _("a worker runs it: it is asked to end, and killed after %(seconds)g s unless in a thread")
    return words % {"seconds": grace}


def ended(job: Job, state: str) -> CancelResult:
    if state == State.REVOKED:
        return CancelResult(job.id, "ended", state, _("cancelled already"))
    return CancelResult(job.id, "ended", state, _("ended already: %(state)s") % {"state": state})


def revoke(job: Job, count: int, *, runs: bool) -> None:
    """Ends the job in Redis, which tells waiters, workers and the ledger."""
    args_repr, kwargs_repr = reprs(Redacted(job.args or [], job.kwargs or {}, tuple(job.redacted)))
    request = Context(
        id=job.id,
        task=job.task,
        args=job.args or [],
        kwargs=job.kwargs or {},
        argsrepr=args_repr,
        kwargsrepr=kwargs_repr,
        parent_id=job.parent,
        root_id=job.root,
        group=job.group,
        periodic_task_name=job.schedule or None,
        hostname=job.worker or None,
        delivery_info={"routing_key": job.queue},
        try_number=count,
        try_token="" if runs else NO_TRY,
    )
    # Who and why stand in the note: Celery's reasons are words of its own.
    current_app.backend.mark_as_revoked(job.id, "cancelled", request)


def kill(result: CancelResult) -> CancelResult:
    """Tells the workers. One that can't be told goes on, but the outcome of its work won't count."""
    try:
        with current_app.connection_for_write() as connection:
            connection.ensure_connection(max_retries=1, timeout=BROKER_SECONDS)
            current_app.control.revoke(result.id, terminate=True, connection=connection)
    except (OSError, OperationalError) as error:
        logger.warning("no worker can be told to kill job %s: %s", result.id, error)
        text = _("%(note)s; the workers can't be told to kill it: %(error)s") % {
            "note": result.text,
            "error": error,
        }
        return CancelResult(result.id, "cancelled", result.state, text)
    return result
