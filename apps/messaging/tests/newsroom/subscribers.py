"""What the newsroom wants to hear."""

import logging
from typing import Any

from apps.jobs.errors import TemporaryError
from apps.messaging import broadcasting
from apps.messaging.subscribing import Fact, subscribe

logger = logging.getLogger(__name__)


@subscribe("shop.order.*", name="orders")
def take_order(event: Fact) -> dict[str, Any]:
    logger.debug("taking %s", event.topic)
    return {"topic": event.topic, "order": event.facts["order"], "year": event.occurred_at.year}


@subscribe("shop.#", name="stumbling", max_retries=1, default_retry_delay=1, retry_backoff=False)
def stumble(event: Fact) -> None:
    raise TemporaryError("the press is broken")


@broadcasting.on("shout")
def shout(facts: dict[str, Any]) -> None:
    logger.warning("heard %s", facts["word"])


@broadcasting.on("shout")
def fall(facts: dict[str, Any]) -> None:
    if facts["word"] == "fall":
        raise RuntimeError("over")
