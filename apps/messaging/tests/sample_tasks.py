"""What the tests' subscriptions call."""

import logging
from typing import Any

from celery import shared_task

from apps.jobs.errors import TemporaryError
from apps.messaging.subscribing import Fact

logger = logging.getLogger(__name__)


@shared_task
def note_task(event: Fact) -> dict[str, Any]:
    return {"id": event.id, "topic": event.topic, **event.facts}


NOTICE: Any = {"notice": lambda task, args, kwargs: {"severity": kwargs["severity"], "channel": ""}}


@shared_task(bind=True, default_retry_delay=1, retry_backoff=False, **NOTICE)
def stumble_notice_task(self: Any, severity: str) -> str:
    """Fails once, then tells the queue it was delivered from."""
    if self.request.retries < 1:
        raise TemporaryError("not yet")
    return str(self.request.delivery_info["routing_key"]).rpartition(".")[2]


@shared_task
def whisper_task() -> None:
    """Says its words at two levels."""
    logger.info("whispered INFO")
    logger.debug("whispered DEBUG")
