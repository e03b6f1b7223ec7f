"""Messages on a broker, as a test puts and takes them."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kombu import Connection, Producer, Queue
from kombu.transport.native_delayed_delivery import calculate_routing_key

from project.broker import publish_options, transport_options
from tests.vhosts import Broker
from tests.waiting import wait_until

LAST_LEVEL = "celery_delayed_27"  # where a delayed message is handed in


@contextmanager
def link(broker: Broker) -> Iterator[Any]:
    with Connection(broker.url, transport_options=transport_options(broker.url)) as connection:
        connection.connect()
        yield connection


def publish(connection: Any, key: str, body: object, exchange: str = "tasks", **properties: Any) -> None:
    """As our jobs are: confirmed, and an error when no queue takes it."""
    with connection.channel() as channel:
        asked = {**publish_options("amqp://"), **properties}
        Producer(channel).publish(body, exchange=exchange, routing_key=key, retry=False, **asked)


def publish_later(connection: Any, key: str, body: object, seconds: int = 1) -> None:
    publish(connection, calculate_routing_key(seconds, key), body, LAST_LEVEL)


def waiting(connection: Any, queue: str) -> Any:
    """The next message of a queue, taken out of it; or None."""
    with connection.channel() as channel:  # a new one: an old one still knows a queue that was replaced
        return Queue(queue, channel=channel).get(no_ack=True)


def taken(connection: Any, queue: str, seconds: float = 30) -> Any:
    return wait_until(lambda: waiting(connection, queue), seconds, f"a message in {queue}")


def count(connection: Any, queue: str) -> int:
    with connection.channel() as channel:
        return int(channel.queue_declare(queue, passive=True).message_count)


def reasons(message: Any) -> list[str]:
    """Why it was dead-lettered, the last time first."""
    return [row["reason"] for row in message.headers.get("x-death", [])]
