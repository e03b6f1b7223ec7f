"""Broadcasts: a word to every running worker and recorder at once.

It is a hint and never the truth: who is away, or starts later, doesn't hear it. So whatever has to hold is
written down first, and the broadcast only says that it is worth a look.
"""

import json
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar
from uuid import uuid4

from django.conf import settings

from apps.jobs import plain
from apps.jobs.confirming import Window
from apps.jobs.errors import ArgumentError
from apps.jobs.wire import Message
from apps.messaging import envelopes

logger = logging.getLogger(__name__)

TOPIC = re.compile(r"[a-z][a-z0-9_]{0,59}")
FACTS_MOST_BYTES = 8192
TRANSIENT = 1

Handler = TypeVar("Handler", bound=Callable[[dict[str, Any]], object])
HANDLERS: defaultdict[str, list[Callable[[dict[str, Any]], object]]] = defaultdict(list)


def on(topic: str) -> Callable[[Handler], Handler]:
    """Calls the function with the facts of each broadcast of the topic, in a thread of its own.

    In a worker that is its main process: the processes of its pool hear nothing.
    """

    def register(handler: Handler) -> Handler:
        HANDLERS[checked_topic(topic)].append(handler)
        return handler

    return register


def send(topic: str, facts: Mapping[str, Any] | None = None) -> bool:
    """At once, whatever becomes of the transaction; False where the broker didn't take it.

    Waits for the broker some seconds at most. Raises ArgumentError.
    """
    body = json.dumps({"topic": checked_topic(topic), "facts": checked_facts(facts or {})})
    message = Message(
        id=str(uuid4()),
        exchange=settings.BROADCAST_EXCHANGE,
        routing_key="",
        headers={},
        properties={"delivery_mode": TRANSIENT},
        body=body,
        mandatory=False,
    )
    with Window() as window:
        try:
            return envelopes.send(window, [message]) == {message.id: None}
        except window.errors as error:
            logger.warning("the broadcast %s was not sent: %s", topic, error)
            return False


def hear(payload: Any) -> None:
    """Calls the handlers; whatever one of them does, the others are called."""
    try:
        topic, facts = payload["topic"], dict(payload["facts"])
    except (TypeError, KeyError, ValueError) as error:
        logger.warning("a broadcast can't be read: %s", error)
        return
    for handler in HANDLERS.get(topic, ()):
        try:
            handler(facts)
        except Exception:  # the next one has nothing to do with it
            logger.exception("the broadcast %s failed in %s", topic, getattr(handler, "__name__", handler))


def checked_topic(topic: str) -> str:
    if not TOPIC.fullmatch(topic):
        raise ArgumentError({"topic": f"expected a word of a-z, 0-9 and _ such as 'reload', got {topic!r}"})
    return topic


def checked_facts(facts: Mapping[str, Any]) -> Any:
    try:
        return plain.copied(dict(facts), FACTS_MOST_BYTES)
    except plain.NotPlain as error:
        raise ArgumentError({"facts": str(error)}) from None
