"""Events as messages, and back."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.conf import settings
from pydantic import TypeAdapter

from apps.jobs.confirming import Window
from apps.jobs.events import checked_topic
from apps.jobs.models import Event
from apps.jobs.wire import PERSISTENT, Message
from apps.messaging.subscribing import Fact

FACT = TypeAdapter(Fact)


def event_message(event: Event) -> Message:
    fact = Fact(event.pk, event.topic, event.facts, event.occurred_at)
    return Message(
        id=str(event.pk),
        exchange=settings.EVENT_EXCHANGE,
        routing_key=event.topic,
        headers={},  # no `id`: the keeper of dead letters would take it for a job's
        properties={"delivery_mode": PERSISTENT, "message_id": f"event:{event.pk}"},
        body=FACT.dump_json(fact).decode(),
        mandatory=False,  # an event that nobody waits for has been sent, too
    )


def read(payload: Any) -> Fact:
    """Raises ValueError, ArgumentError."""
    found = FACT.validate_python(json.loads(payload) if isinstance(payload, str | bytes) else payload)
    checked_topic(found.topic)
    if found.occurred_at.utcoffset() is None:
        raise ValueError("occurred_at: expected a time with its zone")
    return found


def job_id(event_id: int, occurred_at: datetime, subscription: str) -> str:
    """The one job of an event and a subscription, however often the event arrives.

    The time is in it because numbers begin anew where a database does, and Redis may know the old ones.
    """
    return f"{jobs_of(event_id)}{subscription}:{round(occurred_at.timestamp() * 1000)}"


def jobs_of(event_id: int) -> str:
    """What the ids of all jobs of an event begin with."""
    return f"event:{event_id}:"


def send(window: Window, messages: Sequence[Message]) -> dict[str, str | None]:
    """As `Window.publish`, to exchanges that are not for jobs."""
    if window.channel is None:
        window.open()
        channel: Any = window.channel
        for exchange in settings.PUBLISHER_EXCHANGES:
            exchange.bind(channel).declare()
    return window.publish(messages)
