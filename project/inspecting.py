"""What is on the broker: every exchange and queue of ours with its bindings, and how much waits.

From RabbitMQ's management API where it can be used; without it, AMQP tells how many messages are ready and
how many consumers a queue has, and of bindings those are shown that it has to have. Redis keeps neither
exchanges nor consumers: what has to be there is shown, with what waits.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from amqp.exceptions import NotFound
from django.conf import settings
from kombu import Connection, Queue

from project.broker import LOOSE_EXCHANGES, Wanted, event_queues, is_amqp, unbind_events
from project.rabbitmq.channels import opened
from project.rabbitmq.layout import QUEUE, Binding, Layout, declared, present, wanted
from project.rabbitmq.management import Management, ManagementError, reach
from project.topology import DEAD, EVENTS, SUBSCRIPTION_PREFIX, TASKS, UNROUTED, SubscriptionRow

DELAYS = "celery_delayed_"
KEEPERS = {DEAD, UNROUTED}


@dataclass(frozen=True)
class Counts:
    """None is what the broker doesn't tell."""

    ready: int | None = None
    unacknowledged: int | None = None
    consumers: int | None = None


def inspect(connection: Connection, patterns: Mapping[str, str]) -> dict[str, Any]:
    """Plain data: `exchanges`, `queues`, `delayed` (messages that wait for their time) and `source`.

    `patterns` are those of the subscriptions, by name. `connection` is open. Raises what it raises when
    the broker breaks off.
    """
    more = Wanted(rows_of(patterns), tuple(settings.NOTICE_LANES))
    work = list(settings.CELERY_TASK_QUEUES)
    if not is_amqp(connection.as_uri()):
        return of_redis(connection, work, more)
    with reach(connection, settings.BROKER_MANAGEMENT_URL) as (api, silence):
        if api is not None:
            try:
                return of_api(connection, api, work, more)
            except ManagementError as error:
                return of_amqp(connection, work, more, str(error))
        return of_amqp(connection, work, more, silence)


def remove(connection: Connection, queue: str, patterns: Mapping[str, str]) -> None:
    """Deletes a queue with what is in it and what leads to it."""
    channel: Any = connection.channel()
    if not is_amqp(connection.as_uri()):
        unbind_events(connection, rows_of(patterns))
    channel.queue_purge(queue)
    channel.queue_delete(queue)


def of_api(connection: Connection, api: Management, work: list[Queue], more: Wanted) -> dict[str, Any]:
    """The API's own counts are some seconds old, so AMQP is asked for what it knows."""
    layout, there = wanted(work, more), present(api)
    rows = {row["name"]: row for row in api.queues()}
    found = []
    for name in {*layout.queues, *rows}:
        if is_ours(name, layout):
            held = rows.get(name, {}).get("messages_unacknowledged", 0)
            counts = look(connection, name)
            counts = replace(counts, unacknowledged=held) if counts else None
            found.append(row_of(name, counts, there, layout))
    delayed = sum(row.get("messages_ready", 0) for name, row in rows.items() if name.startswith(DELAYS))
    return told(found, there, layout, delayed, "management")


def of_amqp(connection: Connection, work: list[Queue], more: Wanted, silence: str) -> dict[str, Any]:
    layout = wanted(work, more)
    names = [name for name in layout.queues if is_ours(name, layout)]
    found = [row_of(name, look(connection, name), layout, layout) for name in names]
    return told(found, layout, layout, None, "amqp") | {"silence": silence}


def of_redis(connection: Connection, work: list[Queue], more: Wanted) -> dict[str, Any]:
    """An empty list is none at all, so no queue is ever missing."""
    channel: Any = connection.channel()
    loose = {exchange.name: exchange.type for exchange in LOOSE_EXCHANGES if exchange.type != "headers"}
    events = event_queues(more.subscriptions, amqp=False)
    layout = declared([*work, *events])
    layout = replace(layout, exchanges={**layout.exchanges, **loose})
    bound = {queue for *_, queue in table(channel, EVENTS) if queue.startswith(SUBSCRIPTION_PREFIX)}
    stray = [
        Binding(EVENTS, QUEUE, queue, key)
        for key, _, queue in table(channel, EVENTS)
        if queue in bound - layout.queues.keys()
    ]
    there = layout | Layout({}, {}, frozenset(stray))
    names = {*layout.queues, *bound}
    found = [row_of(name, Counts(ready=size(channel, name)), there, layout) for name in names]
    return told(found, there, layout, None, "redis")


def row_of(name: str, counts: Counts | None, there: Layout, layout: Layout) -> dict[str, Any]:
    """One queue; without counts it is missing."""
    return {
        "name": name,
        "kind": kind_of(name, layout),
        "missing": counts is None,
        "ready": counts.ready if counts else None,
        "unacknowledged": counts.unacknowledged if counts else None,
        "consumers": counts.consumers if counts else None,
        "bindings": [
            {"exchange": binding.source, "key": binding.key, "headers": binding.matching}
            for binding in sorted(there.bindings)
            # The default exchange has every queue; those for delays end with the queue's own key.
            if binding[1:3] == (QUEUE, name) and binding.source and not binding.key.startswith("#.")
        ],
    }


def kind_of(name: str, layout: Layout) -> str:
    if name in KEEPERS:
        return name
    if name.startswith(SUBSCRIPTION_PREFIX):
        return "subscription" if name in layout.queues else "orphan"
    return "work"


def is_ours(name: str, layout: Layout) -> bool:
    return (name in layout.queues and not name.startswith(DELAYS)) or name.startswith(SUBSCRIPTION_PREFIX)


def told(
    queues: Iterable[dict[str, Any]], there: Layout, layout: Layout, delayed: int | None, source: str
) -> dict[str, Any]:
    """`source` is where it comes from."""
    order = ["work", "subscription", "orphan", DEAD, UNROUTED]
    names = [name for name in layout.exchanges if not name.startswith(DELAYS)]
    return {
        "exchanges": [
            {"name": name, "type": there.exchanges.get(name, ""), "missing": name not in there.exchanges}
            for name in sorted(names, key=lambda name: (name != TASKS, name))
        ],
        "queues": sorted(queues, key=lambda row: (order.index(row["kind"]), row["name"])),
        "delayed": delayed,
        "source": source,
    }


def rows_of(patterns: Mapping[str, str]) -> tuple[SubscriptionRow, ...]:
    return tuple(SubscriptionRow(name, pattern) for name, pattern in patterns.items())


def look(connection: Connection, name: str) -> Counts | None:
    try:
        with opened(connection) as channel:
            found = channel.queue_declare(name, passive=True)
    except NotFound:
        return None
    return Counts(ready=found.message_count, consumers=found.consumer_count)


def size(channel: Any, name: str) -> int:
    """kombu has no name for it that doesn't look like a declaration."""
    return int(channel._size(name))  # noqa: SLF001


def table(channel: Any, exchange: str) -> list[tuple[str, str, str]]:
    found: list[tuple[str, str, str]] = channel.get_table(exchange)
    return found
