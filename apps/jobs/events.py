"""Facts that happened, by topic: what people and other systems may want to hear of.

The row is also the outbox: what has no `published_at` is on its way to the exchange (apps.messaging).
"""

import json
import logging
import re
from collections.abc import Mapping
from typing import Any

from django.conf import settings
from django.db import connection

from apps.jobs import plain
from apps.jobs.errors import ArgumentError
from apps.jobs.models import Event

logger = logging.getLogger(__name__)

TOPIC = re.compile(r"[a-z][a-z0-9_]*(\.[a-z][a-z0-9_]*)+")
TOPIC_LENGTH, KEY_LENGTH = 100, 255
ENVELOPE_BYTES = 512  # what goes with the facts when they become a job's argument, and one level of it

CHANNEL = "switchyard_events"  # PostgreSQL tells whoever publishes them, once it is committed
RECORD = f"""
WITH new AS (
    INSERT INTO jobs_event (topic, facts, key, occurred_at) VALUES (%s, %s::jsonb, %s, clock_timestamp())
    ON CONFLICT (key) WHERE NOT (key = '') DO NOTHING RETURNING id
)
SELECT id, pg_notify('{CHANNEL}', '') FROM new
"""  # noqa: S608 - a name of ours


def publish(topic: str, facts: Mapping[str, Any], key: str = "") -> bool:
    """Writes the event in the caller's transaction; False if there is one with this key.

    Once that has committed, the recorder sends it to all who subscribe to it, whatever becomes of the
    caller and however long the broker is away.

    `topic` is dotted lower-case words, such as `schedule.late`; `facts` plain JSON. Raises ArgumentError.
    """
    row = [checked_topic(topic), json.dumps(checked_facts(facts)), checked_key(key)]
    with connection.cursor() as cursor:
        cursor.execute(RECORD, row)
        new = cursor.fetchone() is not None
    if new:
        logger.info("event %s %s", topic, row[1])
    return new


def latest(*topics: str) -> Event | None:
    """The last event of any of these topics."""
    return Event.objects.filter(topic__in=topics).order_by("-occurred_at", "-id").first()


def checked_topic(topic: str) -> str:
    if len(topic) > TOPIC_LENGTH or not TOPIC.fullmatch(topic):
        expected = f"dotted lower-case words such as 'schedule.late', at most {TOPIC_LENGTH} characters"
        raise ArgumentError({"topic": f"expected {expected}, got {topic[:TOPIC_LENGTH]!r}"})
    return topic


def checked_facts(facts: Mapping[str, Any]) -> Any:
    try:
        most = settings.JOB_ARGUMENTS_MAX_BYTES - ENVELOPE_BYTES
        return plain.copied(dict(facts), most, plain.LEVELS - 1)
    except plain.NotPlain as error:
        raise ArgumentError({"facts": str(error)}) from None


def checked_key(key: str) -> str:
    if len(key) > KEY_LENGTH or plain.complaint(key):
        raise ArgumentError({"key": f"expected text of at most {KEY_LENGTH} characters without NUL"})
    return key
