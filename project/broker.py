"""Where brokers differ: queue arguments, delayed delivery and transport options.

The only module that asks which broker it is. Reasons: docs/delivery.md.
"""

from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from kombu import Connection, Exchange, Queue
from kombu.transport.native_delayed_delivery import (
    bind_queue_to_native_delayed_delivery_exchange,
    declare_native_delayed_delivery_exchanges_and_queues,
)

from project.topology import DEAD, TASKS, UNROUTED, QueueRow

SOCKET_TIMEOUT_SECONDS = 10
CONFIRM_TIMEOUT_SECONDS = 5
VISIBILITY_TIMEOUT_SECONDS = 3600
SPARE_SECONDS = 300  # of a time-out over the longest job


def is_amqp(url: str) -> bool:
    return urlsplit(url).scheme in {"amqp", "amqps"}


def work_queue(row: QueueRow, url: str) -> Queue:
    """A queue on the topic exchange, whose failed messages go to the keeper of the dead."""
    return Queue(
        row.name,
        Exchange(TASKS, type="topic"),
        routing_key=row.key,
        queue_arguments=work_queue_arguments(row) if is_amqp(url) else None,
    )


def work_queue_arguments(row: QueueRow) -> dict[str, str]:
    """Only what can never change on a live queue; limits are policies."""
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": DEAD,
        "x-dead-letter-routing-key": row.name,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def keeper_queues(names: Iterable[str]) -> list[Queue]:
    """The dead-letter queue, bound by every work queue's name, and the queue of the unrouted."""
    arguments = {"x-queue-type": "quorum"}
    dead, unrouted = Exchange(DEAD, type="direct"), Exchange(UNROUTED, type="fanout")
    bound = [Queue(DEAD, dead, routing_key=name, queue_arguments=arguments) for name in names]
    return [*bound, Queue(UNROUTED, unrouted, queue_arguments=arguments)]


def declare(connection: Connection, queues: Iterable[Queue]) -> list[str]:
    """Declares everything on the broker, any number of times; returns the queue names.

    On RabbitMQ that includes the exchanges and queues of native delays, which must exist before
    the first delayed message: without them it would be lost.
    """
    rows = list(queues)
    amqp = connection.transport.driver_type == "amqp"
    if amqp:
        declare_native_delayed_delivery_exchanges_and_queues(connection, "quorum")
    for queue in [*keeper_queues(queue.name for queue in rows), *rows] if amqp else rows:
        queue.bind(connection.default_channel).declare()
        if amqp and queue in rows:
            bind_queue_to_native_delayed_delivery_exchange(connection, queue)
    return [queue.name for queue in rows]


def transport_options(url: str, time_limit: int | None = None) -> dict[str, Any]:
    """`time_limit`: the seconds that a job may run."""
    if is_amqp(url):
        return {
            "confirm_publish": True,
            "read_timeout": SOCKET_TIMEOUT_SECONDS,
            "write_timeout": SOCKET_TIMEOUT_SECONDS,
        }
    return {
        # After this time the job is given to another worker too.
        "visibility_timeout": max(VISIBILITY_TIMEOUT_SECONDS, (time_limit or 0) + SPARE_SECONDS),
        "socket_keepalive": True,
        "global_keyprefix": "switchyard:",
    }


def acknowledgement_timeout(url: str, given: int | None) -> int | None:
    """Seconds after which RabbitMQ, by its `consumer_timeout`, gives an unfinished job to another worker.

    None: never, or by `visibility_timeout`, which follows the time limit.
    """
    return given if is_amqp(url) else None


def publish_options(url: str) -> dict[str, Any]:
    """What each publish asks of the broker: refuse what no queue takes, answer within bounds."""
    if not is_amqp(url):
        return {}
    # `declare` nothing: `manage.py topology` did, and a publisher needs no right to make queues.
    return {"mandatory": True, "confirm_timeout": CONFIRM_TIMEOUT_SECONDS, "declare": []}
