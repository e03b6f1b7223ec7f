"""Exchanges, queues and bindings: those that have to be on the broker, and those that are."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from kombu import Queue
from kombu.transport.native_delayed_delivery import (
    CELERY_DELAYED_DELIVERY_EXCHANGE,
    MAX_LEVEL,
    level_name,
)

from project.broker import LOOSE_EXCHANGES, NOTHING_MORE, Wanted
from project.rabbitmq.management import Management
from project.topology import TASKS

QUEUE, EXCHANGE = "queue", "exchange"


class Binding(NamedTuple):
    source: str
    kind: str  # of the destination
    destination: str
    key: str
    matching: str = ""  # its arguments as JSON, which are the headers that a message has to have


@dataclass(frozen=True)
class Layout:
    """Exchanges by name with their type, queues by name with their arguments."""

    exchanges: Mapping[str, str]
    queues: Mapping[str, Mapping[str, Any]]
    bindings: frozenset[Binding]

    def __or__(self, other: "Layout") -> "Layout":
        return Layout(
            {**self.exchanges, **other.exchanges},
            {**self.queues, **other.queues},
            self.bindings | other.bindings,
        )


def wanted(queues: Iterable[Queue], more: Wanted = NOTHING_MORE) -> Layout:
    """What `project.broker.declare` makes of these."""
    rows = list(queues)
    loose = Layout({exchange.name: exchange.type for exchange in LOOSE_EXCHANGES}, {}, frozenset())
    return declared(rows) | declared(more.queues(rows)) | loose | delays() | delayed(rows)


def present(api: Management) -> Layout:
    """What the broker has. Raises ManagementError."""
    return Layout(
        {row["name"]: row["type"] for row in api.exchanges()},
        {row["name"]: row["arguments"] for row in api.queues()},
        frozenset(
            Binding(
                row["source"],
                row["destination_type"],
                row["destination"],
                row["routing_key"],
                text_of(row["arguments"]),
            )
            for row in api.bindings()
        ),
    )


def declared(queues: list[Queue]) -> Layout:
    return Layout(
        {queue.exchange.name: queue.exchange.type for queue in queues},
        {queue.name: queue.queue_arguments or {} for queue in queues},
        frozenset(
            Binding(
                queue.exchange.name,
                QUEUE,
                queue.name,
                queue.routing_key,
                text_of(queue.binding_arguments),
            )
            for queue in queues
        ),
    )


def text_of(arguments: Mapping[str, Any] | None) -> str:
    return json.dumps(arguments, sort_keys=True) if arguments else ""


def delays() -> Layout:
    """The queues in which delayed messages wait: one for each bit of the delay, in seconds.

    A message goes from level to level; its key's first words say in which of them it waits.
    """
    bindings = set()
    for level in range(MAX_LEVEL, -1, -1):
        here, below = level_name(level), level_below(level)
        skipped = "*." * (MAX_LEVEL - level)
        bindings |= {
            Binding(here, QUEUE, here, f"{skipped}1.#"),
            Binding(here, EXCHANGE, below, f"{skipped}0.#"),
        }
    levels = range(MAX_LEVEL + 1)
    return Layout(
        dict.fromkeys([CELERY_DELAYED_DELIVERY_EXCHANGE, *map(level_name, levels)], "topic"),
        {level_name(level): delay_arguments(level) for level in levels},
        frozenset(bindings),
    )


def level_below(level: int) -> str:
    return level_name(level - 1) if level else CELERY_DELAYED_DELIVERY_EXCHANGE


def delay_arguments(level: int) -> dict[str, Any]:
    return {
        "x-queue-type": "quorum",
        "x-overflow": "reject-publish",
        "x-message-ttl": 2**level * 1000,
        "x-dead-letter-exchange": level_below(level),
        "x-dead-letter-strategy": "at-least-once",
    }


def delayed(queues: list[Queue]) -> Layout:
    """How a message whose time has come finds the queue that its key ends with."""
    bindings = set()
    for queue in queues:
        key = f"#.{queue.routing_key}"
        bindings |= {
            Binding(CELERY_DELAYED_DELIVERY_EXCHANGE, EXCHANGE, TASKS, key),
            Binding(TASKS, QUEUE, queue.name, key),
        }
    return Layout({}, {}, frozenset(bindings))
