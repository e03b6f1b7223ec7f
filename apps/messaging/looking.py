"""The broker's exchanges and queues, as people and scripts see them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import DatabaseError
from django.utils.module_loading import import_string
from kombu import Connection

from apps.jobs.resending import broker_errors
from apps.messaging.models import Subscription
from apps.messaging.remembering import orphans
from apps.messaging.subscribing import DECLARED, patterns

logger = logging.getLogger(__name__)

CLOSE_SECONDS = 1.0


class Unreachable(Exception):
    """The broker doesn't answer."""


def look() -> dict[str, Any]:
    """As project/inspecting.py has it, with pattern and task of each subscription. Raises Unreachable."""
    with connected() as connection:
        found: dict[str, Any] = import_string(settings.QUEUE_INSPECTOR)(connection, patterns())
        known = {row["name"] for row in found["queues"]}
        for gone in known_orphans():  # where the broker can't list what it has, the rows can
            if gone.queue not in known:
                found["queues"].append(lost(connection, gone.queue))
    about = {declared.queue: declared for declared in DECLARED.values()}
    for row in found["queues"]:
        declared = about.get(row["name"])
        row["pattern"], row["task"] = (declared.pattern, declared.task) if declared else ("", "")
    found["queues"] = [row for row in found["queues"] if row["kind"] != "orphan" or not row["missing"]]
    return found


def known_orphans() -> list[Subscription]:
    """None while PostgreSQL is away: one looks at queues just when something is."""
    try:
        return orphans()
    except DatabaseError as error:
        logger.warning("subscriptions that are gone can't be looked up: %s", error)
        return []


def lost(connection: Connection, queue: str) -> dict[str, Any]:
    """The queue of a subscription that is gone."""
    channel: Any = connection.channel()
    row: dict[str, Any] = {
        "name": queue, "kind": "orphan", "missing": True, "ready": None, "unacknowledged": None,
        "consumers": None, "bindings": [],
    }  # fmt: skip
    try:
        # kombu looks for a queue of Redis by a name without our prefix, and never finds one.
        found = channel.queue_declare(queue, passive=bool(settings.PUBLISH_OPTIONS))
    except connection.channel_errors:
        return row
    return {**row, "missing": False, "ready": found.message_count}


@contextmanager
def connected() -> Iterator[Connection]:
    """Raises Unreachable."""
    connection: Any = current_app.connection_for_read()
    try:
        connection.ensure_connection(
            max_retries=1, interval_start=0, timeout=settings.CELERY_BROKER_CONNECTION_TIMEOUT
        )
        yield connection
    except broker_errors(connection) as error:
        raise Unreachable(f"the broker at {connection.as_uri()} did not answer: {error}") from error
    finally:
        connection.collect(socket_timeout=CLOSE_SECONDS)
