"""What the tests' subscriptions call."""

from typing import Any

from celery import shared_task

from apps.messaging.subscribing import Fact


@shared_task
def note_task(event: Fact) -> dict[str, Any]:
    return {"id": event.id, "topic": event.topic, **event.facts}
