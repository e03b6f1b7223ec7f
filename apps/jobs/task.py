"""What happens when a job runs: the base class of every task, `@shared_task` ones included."""

import logging
import math
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from celery import states
from celery.app.task import get_actual_ignore_result  # type: ignore[attr-defined]
from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded, TaskRevokedError
from django.conf import settings
from kombu.exceptions import EncodeError

from apps.jobs.arguments import as_python
from apps.jobs.backends import ledger_backend
from apps.jobs.errors import Cancelled, Interrupted, PermanentError, Snooze, Stop, TemporaryError
from apps.jobs.gating import gate
from apps.jobs.limits import Limit
from apps.jobs.retrying import RetryPolicy
from apps.jobs.stream.documents import Outcome

logger = logging.getLogger(__name__)

LONGEST_CALM_SECONDS = 30
UNSENDABLE = (ValueError, TypeError, LookupError, EncodeError)  # whatever the broker does
REPLACED = "Replaced by new task"  # by Celery's Task.replace
OUTCOMES = (Retry, Reject, PermanentError, SoftTimeLimitExceeded)


class JobTask(DjangoTask):
    """Asks whether the job may run, checks its arguments, runs the code, and names the outcome.

    A task overrides the policy with Celery's own names: `max_retries`, `default_retry_delay`,
    `retry_backoff`, `retry_jitter`, `retry_backoff_max`; and with `retry_within_seconds`, counted from its
    submission.
    """

    Request = "apps.jobs.delivery:JobRequest"

    # The start script tells of the start, in the same round trip in which it asks whether it may.
    track_started = False

    max_retries = settings.RETRY_LIMIT
    default_retry_delay = settings.RETRY_DELAY_SECONDS
    retry_backoff = bool(settings.RETRY_BACKOFF)  # Celery makes a number of it
    retry_jitter = settings.RETRY_BACKOFF == "jitter"
    retry_backoff_max = settings.RETRY_DELAY_MAX_SECONDS
    retry_within_seconds: int | None = settings.RETRY_WITHIN_SECONDS
    secret_arguments: tuple[str, ...] = ()
    # Of a task that sends notices: the headers by which one with these arguments finds its lane.
    notice: Callable[..., dict[str, str]] | None = None
    # Of a task whose jobs don't all go to one queue: the name of that for one with these arguments.
    queue_by: Callable[..., str | None] | None = None
    limits: Sequence[Limit] = ()
    # What `submit` takes under these names, unless it is given a key: see orders.Order.
    unique_key: Sequence[str] | None = None
    unique = ""
    key_for: timedelta | None = None
    debounce: timedelta | None = None
    at_most: timedelta | None = None
    # Seconds until a worker kills a job that was asked to end.
    cancel_grace: float = settings.CANCEL_GRACE_SECONDS

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        request = self.request
        if request.called_directly or request.get("try_token"):  # a task may call itself, as a function
            return super().__call__(*args, **kwargs)
        if request.is_eager:
            return self.work(args, kwargs)
        self.begin(request)
        try:
            result = self.work(args, kwargs)
        except BaseException as error:
            self.leave(request, error)
            raise
        self.leave(request, None)
        return result

    def work(self, args: Any, kwargs: Any) -> Any:
        """Runs the code, and names how it ended."""
        checked_args, checked_kwargs = as_python(self, args, kwargs)
        try:
            return self.run(*checked_args, **checked_kwargs)
        except Ignore as error:
            self.ignore(error)
            raise
        except OUTCOMES:
            raise
        except Stop as stop:
            raise self.give_way(stop) from stop
        except Snooze as nap:
            raise self.sleep(nap) from nap
        except TemporaryError as error:
            raise self.again(error, error.retry_after_seconds) from error
        except Exception as error:
            logger.exception("%s failed unexpectedly", self.name)
            raise self.again(error) from error

    def begin(self, request: Any) -> None:
        """Counts the try, or ignores a message that must not run (again)."""
        backend = ledger_backend(self)
        if backend is None:
            return
        if (request.delivery_info or {}).get("redelivered"):
            self.calm_down(request.get("x-delivery-count") or 0)
        keeper = gate()
        if keeper and keeper.keeps(self, request):
            raise Ignore("held")
        start = backend.start(request, tracked=settings.CELERY_TASK_TRACK_STARTED)
        if keeper:
            keeper.answered(self, request, start.verdict)
        if start.verdict == "ended" and request.chord:
            backend.count_in_chord(request)
        if start.verdict != "run":
            logger.info("%s[%s] is not run: its job %s", self.name, request.id, VERDICTS[start.verdict])
            raise Ignore(start.verdict)
        request.try_number, request.try_token = start.number, start.token

    def leave(self, request: Any, error: BaseException | None) -> None:
        if keeper := gate():
            keeper.left(self, request, error)

    def calm_down(self, returns: int) -> None:
        """A message that comes back again and again may be what kills its workers: not so fast.

        RabbitMQ delivers it again at once (before 4.3). The first return is mostly a worker's stop.
        """
        if returns > 1:
            time.sleep(min(LONGEST_CALM_SECONDS, 2 ** (returns - 1)))

    def ignore(self, error: Ignore) -> None:
        """Celery tells nobody of such an end; without one the ledger would say that the job still runs."""
        request, backend = self.request, ledger_backend(self)
        if request.is_eager or backend is None:
            return
        if str(error) == REPLACED:
            backend.snooze(request, "replaced by another task", 0)
        else:
            words = TaskRevokedError(str(error) or "ignored")
            backend.note_unstored(Outcome(request.id, states.REVOKED, words), request, stored=False)

    def sleep(self, nap: Snooze) -> Ignore:
        """Sends this very job again for later, links and retries untouched.

        The nap is told first: were the message there before it, it would be taken for a copy.
        """
        request, seconds = self.request, max(1, math.ceil(nap.seconds))
        if request.is_eager:
            return Ignore(str(nap))
        if backend := ledger_backend(self):
            backend.snooze(request, nap.why, seconds)
        self.resend(countdown=seconds)
        return Ignore(str(nap))

    def give_way(self, stop: Stop) -> Ignore:
        """Ends the job, or sends it again to go on at its next delivery."""
        request, backend, why = self.request, ledger_backend(self), str(stop)
        if request.is_eager or backend is None:
            return Ignore(why)
        if isinstance(stop, Cancelled):
            # Celery's reasons are words of its own: who and why stand in the row's note.
            backend.mark_as_revoked(request.id, "cancelled", request, store_result=self.keeps_result())
        elif isinstance(stop, Interrupted):
            backend.snooze(request, why, 0)
            self.resend()
        logger.info("%s[%s] stops: %s", self.name, request.id, why)
        return Ignore(why)

    def keeps_result(self) -> bool:
        ignored = get_actual_ignore_result(self, self.request)
        return not ignored or bool(self.store_errors_even_if_ignored)

    def resend(self, **options: Any) -> None:
        try:
            self.signature_from_request(**options).apply_async(add_to_parent=False)
        except UNSENDABLE:
            raise
        except Exception as error:
            logger.warning("%s[%s] can't be sent again now: %s", self.name, self.request.id, error)
            raise Reject(error, requeue=True) from error

    def again(self, error: Exception, after_seconds: int | None = None) -> Retry:
        """Publishes the next try. Raises the error itself when the tries are used up."""
        wait = after_seconds or self.policy.seconds_before(self.request.retries)
        if not self.policy.allows(wait, self.seconds_since_submission()):
            raise error
        retry: Retry = self.retry(exc=error, countdown=wait, throw=False)
        return retry

    def retry(self, *args: Any, **options: Any) -> Any:
        try:
            return super().retry(*args, **options)
        except Reject as refused:
            reason: Any = getattr(refused, "reason", None)
            if isinstance(reason, UNSENDABLE):  # it would come back for ever
                raise reason from refused
            # Celery would drop the job when the broker is out of reach; it has to come back.
            raise Reject(str(reason), requeue=True) from refused

    def on_retry(self, exc: BaseException, task_id: str, args: Any, kwargs: Any, einfo: Any) -> None:
        """Celery tells its result backend of a retry only if the result is kept."""
        if backend := ledger_backend(self):
            outcome = Outcome(task_id, states.RETRY, exc, einfo.traceback)
            backend.note_unstored(outcome, self.request, stored=self.keeps_result())

    def seconds_since_submission(self) -> float:
        submitted = self.request.get("submitted_at")
        return time.time() - submitted if isinstance(submitted, int | float) else 0.0

    @property
    def policy(self) -> RetryPolicy:
        return RetryPolicy(
            self.max_retries,
            self.default_retry_delay,
            "jitter" if self.retry_backoff and self.retry_jitter else bool(self.retry_backoff),
            self.retry_backoff_max,
            self.retry_within_seconds,
        )

    def apply_async(self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any) -> Any:
        return super().apply_async(args, kwargs, *more, **whole_seconds(options))


VERDICTS = {
    "ended": "has ended",
    "superseded": "has a later message",
    "copy": "is running from another copy of the message",
}


def whole_seconds(options: dict[str, Any]) -> dict[str, Any]:
    """The same publish options with any delay rounded up to whole seconds.

    Native delayed delivery raises ValueError for a delay between 0 and 1 second, and a delay that
    has passed already is none.
    """
    if options.get("countdown") is not None:
        options["countdown"] = max(0, math.ceil(options["countdown"])) or None
    eta = options.get("eta")
    if isinstance(eta, datetime):
        now = datetime.now(eta.tzinfo or UTC).replace(tzinfo=eta.tzinfo)
        options["eta"] = None if eta <= now else max(eta, now + timedelta(seconds=1, milliseconds=50))
    return options
