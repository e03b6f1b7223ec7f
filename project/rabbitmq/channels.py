"""Channels as amqp has them; kombu's types know only what all brokers share."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu import Connection


@contextmanager
def opened(connection: Connection) -> Iterator[Any]:
    """A new one, closed afterwards: an error of the broker closes the channel that it happened on."""
    channel: Any = connection.channel()
    with channel:
        yield channel
