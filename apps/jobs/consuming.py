"""A worker's consumer that gives up no message: what it can't read is dead-lettered, and so is what comes
long before its time.

Celery acknowledges a message whose content it can't decode, which deletes it; other malformed ones
end the whole worker, or are held for ever. Set as CELERY_WORKER_CONSUMER. The keeper of the dead
letters judges by the same rules, so what is refused here is known there as unreadable. What is early it
sends to the broker's delays: a worker would keep it, and with it a place of its prefetch, until it is due.
"""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

from celery.utils.log import get_logger
from celery.worker import state
from celery.worker.consumer import Consumer
from django.conf import settings
from django.utils import timezone

from apps.jobs.content import HEADERS, LINKS, PARTS, read, time_of, unfitting
from apps.jobs.unpacking import bound_decoders

logger = get_logger(__name__)

Handler = Callable[[Any], None]

EARLY = timedelta(seconds=5)  # more than delays in whole seconds, and clocks that are well kept, are off

bound_decoders()


class CarefulConsumer(Consumer):
    """Rejects without requeue: the queue's dead-letter exchange keeps the message and the reason."""

    connection_errors: tuple[type[Exception], ...]

    def on_decode_error(self, message: Any, exc: Exception) -> None:
        """In place of Celery's, which acknowledges."""
        self.refuse(message, f"it can't be decoded: {exc!r}")

    def create_task_handler(self, *args: Any, **kwargs: Any) -> Handler:
        """Celery's, but a malformed message is refused before it, and can't end the worker."""
        handle: Handler = super().create_task_handler(*args, **kwargs)

        def on_task_received(message: Any) -> None:
            try:
                if wrong := complaint(message):
                    self.refuse(message, wrong)
                elif settings.PUBLISH_OPTIONS and is_early(message.headers):
                    logger.info("Job %s came before its time and waits in the broker", message.headers["id"])
                    message.reject_log_error(logger, self.connection_errors)
                else:
                    handle(message)
            except self.connection_errors:
                raise
            except Exception as error:
                if handed_on(message):
                    raise
                self.refuse(message, repr(error))

        return on_task_received

    def refuse(self, message: Any, why: str) -> None:
        logger.error(
            "A message goes to the dead letters: %s (content type %r, encoding %r, %s bytes)",
            why,
            message.content_type,
            message.content_encoding,
            len(message.body or ""),
        )
        if not message.acknowledged:
            message.reject_log_error(logger, self.connection_errors)


def handed_on(message: Any) -> bool:
    """Whether its request is under way: then what failed was not the reading of it."""
    return any(request.message is message for request in state.reserved_requests)


def complaint(message: Any) -> str:
    """What keeps it from being a job; empty: nothing does. Raises what its decoding raises.

    Celery's own checks come after it has begun to work with a message.
    """
    if not isinstance(message.headers, Mapping) or "task" not in message.headers:
        return "it has no header `task`: it is not of Celery's message protocol 2"
    body = message.payload
    if not isinstance(body, list) or len(body) != PARTS:
        return "its body is no list of arguments, named arguments and links"
    return "" if fits(message.headers, *body) else read(message.headers, *body).problem


def is_early(headers: Mapping[str, Any]) -> bool:
    """Whether its `eta` is far off: its publisher knows no delays of the broker, or has another time."""
    eta = time_of(headers.get("eta"))
    return eta is not None and eta - timezone.now() > EARLY


def fits(headers: Mapping[str, Any], args: Any, kwargs: Any, links: Any) -> bool:
    """Whether `read` would find no problem: it asks the same, and costs a sixth."""
    if not isinstance(args, list) or not isinstance(kwargs, dict) or not isinstance(links, dict | None):
        return False
    return not unfitting(headers, HEADERS) and not unfitting(links or {}, LINKS)
