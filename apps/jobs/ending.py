"""Ending a job whose message died, and letting it run again: for workers, waiters and the ledger alike."""

import json
import logging
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celery import current_app
from celery.app.task import Context

from apps.jobs.errors import (
    DeliveryLimitReached,
    JobError,
    Rejected,
    UnknownTask,
    Unreadable,
    Unrouted,
)
from apps.jobs.models import Job
from apps.jobs.results import LedgerBackend
from apps.jobs.states import FINISHED, Reason, State
from apps.jobs.stream import documents
from apps.jobs.stream.names import tries_key
from apps.jobs.stream.reaching import stream_redis

logger = logging.getLogger(__name__)

LOST = "LOST"  # what the scripts call a try whose process died
UNTOLD = dict.fromkeys(("chord", "chain", "errbacks", "args", "kwargs"))
# The token of no try: where the job ends without one, its last try keeps the end it had.
WITHOUT_TRY = {"try_number": 0, "try_token": "0-0"}
ERRORS: dict[str, type[JobError]] = {
    Reason.DELIVERY_LIMIT: DeliveryLimitReached,
    Reason.UNKNOWN_TASK: UnknownTask,
    Reason.UNREADABLE: Unreadable,
    Reason.UNROUTED: Unrouted,
}


@dataclass(frozen=True)
class Standing:
    """Where a job stands: as Redis knows it or, where Redis has forgotten it, the ledger.

    `order` is that of the message which was started last (`results.order`), `starts` counts them all.
    """

    state: str = ""
    order: int = -1
    starts: int = 0

    @property
    def ended(self) -> bool:
        return self.state in FINISHED

    @property
    def failed(self) -> bool:
        return self.state in (State.FAILURE, State.REVOKED)

    def has_started(self, message_order: int) -> bool:
        """Whether a worker began to run this message, or a later one of the job."""
        return self.state in (State.STARTED, LOST) and self.order >= message_order


def standing_of(job_id: str) -> Standing:
    """Raises redis's errors, and the database's."""
    if not job_id:
        return Standing()
    redis: Any = stream_redis()
    state, order, starts = redis.hmget(tries_key(job_id), "s", "o", "n")
    if state:
        return Standing(state.decode(), number(order, -1), number(starts, 0))
    row = Job.objects.filter(id=job_id).values_list("state", "attempts").first()
    if row is None:
        return Standing()
    started = row[1] > 0 and row[0] not in FINISHED
    return Standing(LOST, 0, row[1]) if started else Standing(row[0], starts=row[1])


def number(value: bytes | None, otherwise: int) -> int:
    return otherwise if value is None else int(value)


def was_unknown(job_id: str) -> bool:
    """Whether a worker has ended it because it didn't know the task, such as one of an older release."""
    kept = stream_redis().get(current_app.backend.get_key_for_task(job_id))
    found = json.loads(kept) if kept else {}
    result = found.get("result")
    return isinstance(result, dict) and result.get("exc_type") in ("NotRegistered", "UnknownTask")


def end(request: Context, reason: str, words: str) -> None:
    """Ends the job unless it has ended. Its chord, chain and error callbacks are told.

    `reason` is one of Reason, `words` the error's text.
    """
    backend = current_app.backend
    if not isinstance(backend, LedgerBackend):
        return
    try:
        store_end(backend, request, reason, words)
    except Exception:  # its links and arguments came in a message that may hold anything
        logger.exception("job %s ends, but what hangs on it can't be told", request.id)
        store_end(backend, Context({**vars(request), **UNTOLD}), reason, words)


def store_end(backend: LedgerBackend, request: Context, reason: str, words: str) -> None:
    if reason == Reason.EXPIRED:
        backend.mark_as_revoked(str(request.id), "expired", request)
        return
    error = ERRORS.get(reason, Rejected)(words)
    kept = not request.ignore_result
    backend.mark_as_failure(str(request.id), error, request=request, store_result=kept)


def lose(job_id: str, words: str) -> None:
    """The try that is said to run has died with its worker."""
    backend = current_app.backend
    if isinstance(backend, LedgerBackend):
        backend.lose(job_id, documents.plain({"error": words}))


def reopen(job_id: str, why: str, due: datetime | None = None) -> None:
    """Lets the job run again, whatever its end was; `due` is when, if not at once."""
    backend = current_app.backend
    if isinstance(backend, LedgerBackend):
        Job.objects.filter(id=job_id, cancelled_at__isnull=False).update(cancelled_at=None)
        backend.reopen(job_id, State.PENDING, documents.plain({"note": why, "eta": due and due.isoformat()}))
