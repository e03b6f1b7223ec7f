"""Where brokers differ: queue arguments, delayed delivery and transport options.

The only module that asks which broker it is. Reasons: docs/delivery.md.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from kombu import Connection, Exchange, Queue
from kombu.transport.native_delayed_delivery import (
    bind_queue_to_native_delayed_delivery_exchange,
    declare_native_delayed_delivery_exchanges_and_queues,
)

from project.topology import (
    BROADCAST,
    CLASSIC,
    DEAD,
    EVENTS,
    NOTICES,
    SUBSCRIPTION_PREFIX,
    TASKS,
    UNROUTED,
    Lane,
    QueueRow,
    SubscriptionRow,
)

SOCKET_TIMEOUT_SECONDS = 10
CONFIRM_TIMEOUT_SECONDS = 5
VISIBILITY_TIMEOUT_SECONDS = 3600
PRIORITY_LEVELS = 10
SPARE_SECONDS = 300  # of a time-out over the longest job


def is_amqp(url: str) -> bool:
    return urlsplit(url).scheme in {"amqp", "amqps"}


def work_queue(row: QueueRow, url: str) -> Queue:
    """A queue on the topic exchange, whose failed messages go to the keeper of the dead."""
    return Queue(
        row.name,
        Exchange(TASKS, type="topic"),
        routing_key=row.key,
        queue_arguments=arguments_of(row) if is_amqp(url) else None,
    )


def arguments_of(row: QueueRow) -> dict[str, Any]:
    """Of a classic queue, which is for its priorities: it has no delivery limit and one copy of a message."""
    found: dict[str, Any] = queue_arguments(row.name)
    if row.classic:
        del found["x-dead-letter-strategy"]
        found |= {"x-queue-type": CLASSIC, "x-max-priority": PRIORITY_LEVELS - 1}
    return found


def queue_arguments(name: str) -> dict[str, str]:
    """Of a queue that may lose nothing. Only what can never change on a live queue; limits are policies."""
    return {
        "x-queue-type": "quorum",
        "x-dead-letter-exchange": DEAD,
        "x-dead-letter-routing-key": name,
        "x-dead-letter-strategy": "at-least-once",
        "x-overflow": "reject-publish",
    }


def keeper_queues(names: Iterable[str]) -> list[Queue]:
    """The dead-letter queue, bound by every work queue's name, and the queue of the unrouted."""
    arguments = {"x-queue-type": "quorum"}
    dead, unrouted = Exchange(DEAD, type="direct"), Exchange(UNROUTED, type="fanout")
    bound = [Queue(DEAD, dead, routing_key=name, queue_arguments=arguments) for name in names]
    return [*bound, Queue(UNROUTED, unrouted, queue_arguments=arguments)]


def event_queues(rows: Iterable[SubscriptionRow], *, amqp: bool) -> list[Queue]:
    """A subscription's queue, once for each key that it is bound by."""
    exchange = Exchange(EVENTS, type="topic")
    return [
        Queue(
            row.queue, exchange, routing_key=key, queue_arguments=queue_arguments(row.queue) if amqp else None
        )
        for row in rows
        for key in ([row.pattern] if amqp else spelled_out(row.pattern))
    ]


def spelled_out(pattern: str) -> list[str]:
    """`#` stands for no word, too; to kombu's own topic exchange, which Redis has, for one at least."""
    found = [pattern]
    for place in [place for place, word in enumerate(pattern.split(".")) if word == "#"][::-1]:
        for known in list(found):
            words = known.split(".")
            found.append(".".join(words[:place] + words[place + 1 :]))
    return [key for key in dict.fromkeys(found) if key]


def lane_queues(lanes: Iterable[Lane], work: Iterable[Queue]) -> list[Queue]:
    """Those of the work queues that notices are bound to by their headers. Redis has no such exchange."""
    arguments = {queue.name: queue.queue_arguments for queue in work}
    exchange = Exchange(NOTICES, type="headers")
    return [
        Queue(
            lane.queue,
            exchange,
            binding_arguments={"x-match": "all", **lane.headers},
            queue_arguments=arguments[lane.queue],
        )
        for lane in lanes
        if lane.queue in arguments
    ]


@dataclass(frozen=True)
class Wanted:
    """What has to be on a broker beside the work queues."""

    subscriptions: tuple[SubscriptionRow, ...] = ()
    lanes: tuple[Lane, ...] = ()

    def queues(self, work: Iterable[Queue]) -> list[Queue]:
        """Of RabbitMQ: keepers, subscriptions and lanes; a queue stands once for each of its bindings."""
        rows = list(work)
        names = [queue.name for queue in rows]
        events = event_queues(self.subscriptions, amqp=True)
        kept = [*names, *dict.fromkeys(queue.name for queue in events)]
        return [*keeper_queues(kept), *events, *lane_queues(self.lanes, rows)]


NOTHING_MORE = Wanted()
LOOSE_EXCHANGES = (  # on RabbitMQ also while nothing is bound to them, for who publishes must find them
    Exchange(EVENTS, type="topic"),
    Exchange(BROADCAST, type="fanout"),
    Exchange(NOTICES, type="headers"),
)


def declare(connection: Connection, queues: Iterable[Queue], more: Wanted = NOTHING_MORE) -> list[str]:
    """Declares everything on the broker, any number of times; returns the names of the work queues.

    On RabbitMQ that includes the exchanges and queues of native delays, which must exist before
    the first delayed message: without them it would be lost.
    """
    rows = list(queues)
    channel: Any = connection.default_channel
    if connection.transport.driver_type != "amqp":
        for queue in [*rows, *event_queues(more.subscriptions, amqp=False)]:
            queue.bind(channel).declare()
        return [queue.name for queue in rows]
    declare_native_delayed_delivery_exchanges_and_queues(connection, "quorum")
    for exchange in LOOSE_EXCHANGES:
        exchange.bind(channel).declare()
    for queue in [*more.queues(rows), *rows]:
        queue.bind(channel).declare()
    for queue in rows:
        bind_queue_to_native_delayed_delivery_exchange(connection, queue)
    return [queue.name for queue in rows]


def unbind_events(connection: Connection, wanted: Iterable[SubscriptionRow]) -> list[tuple[str, str]]:
    """Of Redis: takes the keys away by which a queue of a subscription shall no longer get events.

    Returns each queue and key. What waits in such a queue stays.
    """
    channel: Any = connection.channel()
    keys = {(queue.name, queue.routing_key) for queue in event_queues(wanted, amqp=False)}
    stray = [
        (queue, key, pattern)
        for key, pattern, queue in channel.get_table(EVENTS)
        if queue.startswith(SUBSCRIPTION_PREFIX) and (queue, key) not in keys
    ]
    for queue, key, pattern in stray:
        member = channel.sep.join([key, pattern, queue])
        for table in (channel.keyprefix_queue, channel.keyprefix_binding_permanent):
            channel.client.srem(table % EVENTS, member)
    return [(queue, key) for queue, key, _ in stray]


def transport_options(url: str, time_limit: int | None = None) -> dict[str, Any]:
    """`time_limit`: the seconds that a job may run on any worker."""
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
        "priority_steps": list(range(PRIORITY_LEVELS)),  # by itself it would tell four priorities apart
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


def publisher_exchanges(url: str) -> list[Exchange]:
    """Those that each process declares before it publishes to them: with kombu's Redis transport,
    an exchange's type is known to the process alone."""
    return [] if is_amqp(url) else [Exchange(EVENTS, type="topic"), Exchange(BROADCAST, type="fanout")]


def notices_exchange(url: str) -> str:
    """Empty where the broker has no headers exchange: notices then go to their lane by its key."""
    return NOTICES if is_amqp(url) else ""
