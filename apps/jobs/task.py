"""What happens when a job runs: the base class of every task, `@shared_task` ones included."""

import logging
import math
from datetime import UTC, datetime, timedelta
from typing import Any

from celery.contrib.django.task import DjangoTask
from celery.exceptions import Ignore, Reject, Retry, SoftTimeLimitExceeded
from django.conf import settings

from apps.jobs.arguments import as_python
from apps.jobs.errors import PermanentError, TemporaryError
from apps.jobs.retrying import RetryPolicy

logger = logging.getLogger(__name__)

OUTCOMES = (Retry, Ignore, Reject, PermanentError, SoftTimeLimitExceeded)


class JobTask(DjangoTask):
    """Checks the arguments, runs the code, and decides whether an error is worth another try.

    A task overrides the policy with Celery's own names: `max_retries`, `default_retry_delay`,
    `retry_backoff` and `retry_backoff_max`.
    """

    max_retries = settings.RETRY_LIMIT
    default_retry_delay = settings.RETRY_DELAY_SECONDS
    retry_backoff = settings.RETRY_BACKOFF
    retry_backoff_max = settings.RETRY_DELAY_MAX_SECONDS

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        if self.request.called_directly:
            return super().__call__(*args, **kwargs)
        checked_args, checked_kwargs = as_python(self, args, kwargs)
        try:
            return self.run(*checked_args, **checked_kwargs)
        except OUTCOMES:
            raise
        except TemporaryError as error:
            raise self.again(error, error.retry_after_seconds) from error
        except Exception as error:
            logger.exception("%s failed unexpectedly", self.name)
            raise self.again(error) from error

    def again(self, error: Exception, after_seconds: int | None = None) -> Retry:
        """Publishes the next try. Raises the error itself when the tries are used up."""
        wait = after_seconds or self.policy.seconds_before(self.request.retries)
        retry: Retry = self.retry(exc=error, countdown=wait, throw=False)
        return retry

    @property
    def policy(self) -> RetryPolicy:
        return RetryPolicy(
            self.max_retries, self.default_retry_delay, self.retry_backoff, self.retry_backoff_max
        )

    def apply_async(self, args: Any = None, kwargs: Any = None, *more: Any, **options: Any) -> Any:
        return super().apply_async(args, kwargs, *more, **whole_seconds(options))


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
