"""One delivery of a job as the worker's main process sees it: Celery's Request, made to tell of losses."""

import logging
from typing import Any

from billiard.einfo import ExceptionInfo
from billiard.exceptions import Terminated, WorkerLostError
from celery.worker.request import Request

from apps.jobs.backends import ledger_backend
from apps.jobs.identity import instance
from apps.jobs.state import redis_error
from apps.jobs.stream import documents

logger = logging.getLogger(__name__)

# The process ended without an answer, by a signal or by itself.
GONE = (WorkerLostError, SystemExit, KeyboardInterrupt)


class JobRequest(Request):
    def on_failure(self, exc_info: Any, send_failed_event: bool = True, return_ok: bool = False) -> Any:
        error = getattr(exc_info.exception, "exc", exc_info.exception)
        if isinstance(error, Terminated) and not self.was_ended():
            exc_info = lost_info(error)
            error = exc_info.exception.exc
        if isinstance(error, GONE):
            self.tell_of_loss(error)
        return super().on_failure(exc_info, send_failed_event, return_ok)

    def was_ended(self) -> bool:
        """Of a process that was told to go and went on, the pool says Terminated whenever it goes: also of
        a later job, which nobody told to end.
        """
        known: Any = self
        return bool(known._already_revoked or known._already_cancelled)  # noqa: SLF001 - as Celery itself does

    def tell_of_loss(self, error: BaseException) -> None:
        """Asks Redis once: this runs in the worker's event loop, and the sweeper notices what it misses."""
        backend = ledger_backend(self.task)
        if backend is None:
            return
        try:
            document = documents.plain({"error": f"{type(error).__name__}: {error}"})
            backend.lose_now(self.id, document, worker=instance(self.hostname))
        except redis_error() as lost:
            logger.warning("job %s lost its process, which Redis can't be told: %s", self.id, lost)


def lost_info(error: Terminated) -> Any:
    try:
        raise WorkerLostError(f"Worker exited prematurely: signal {error}.")  # noqa: TRY301 - what is caught has a trace
    except WorkerLostError:
        return ExceptionInfo()
