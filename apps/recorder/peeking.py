"""A look at the broker's queues that takes nothing from them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from celery import current_app
from django.conf import settings
from kombu.exceptions import ChannelError, OperationalError

NOT_FOUND = "404"


class Unreachable(Exception):
    """The broker doesn't answer."""


@dataclass(frozen=True)
class QueueLook:
    """`ready`: messages that no worker has. `consumers`: None where the broker doesn't count them."""

    ready: int
    consumers: int | None


def peek(names: Iterable[str]) -> dict[str, QueueLook]:
    """Each queue there is. Raises Unreachable."""
    connection: Any = current_app.connection_for_read()
    try:
        connection.ensure_connection(
            max_retries=1, interval_start=0, timeout=settings.CELERY_BROKER_CONNECTION_TIMEOUT
        )
        looks = {name: look(connection, name) for name in names}
    except (OSError, OperationalError, *connection.recoverable_connection_errors) as error:
        raise Unreachable(str(error)) from error
    finally:
        connection.collect(socket_timeout=1)
    return {name: found for name, found in looks.items() if found is not None}


def look(connection: Any, name: str) -> QueueLook | None:
    """None where there is no such queue.

    In Redis an empty queue is none at all, and kombu's passive declaration looks for its name without our
    prefix, so that each one would look empty; the other kind makes nothing there.
    """
    counted = bool(settings.PUBLISH_OPTIONS)
    channel = connection.channel()
    try:
        found = channel.queue_declare(queue=name, passive=counted)
    except ChannelError as error:
        if str(error.reply_code) != NOT_FOUND:
            raise Unreachable(f"{name}: {error}") from error
        return None
    else:
        return QueueLook(found.message_count, found.consumer_count if counted else None)
    finally:
        channel.close()
