"""Every exchange, queue, dead-letter rule and route, as data.

Names are `[a-z0-9_]+`: native delays bind with a suffix match, so a dotted name would also catch
the messages of its own tail (https://docs.celeryq.dev, "Native Delayed Delivery").
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

NAME = re.compile(r"[a-z0-9_]{1,100}")

TASKS = "tasks"  # topic: carries tasks to queues by routing key; native delays need a topic exchange
DEAD = "dead"  # direct: carries what failed to its keeper, by the queue it came from
UNROUTED = "unrouted"  # fanout: catches what no queue was bound for
EVENTS = "events"  # topic: carries facts to subscriptions, by pattern
BROADCAST = "broadcast"  # fanout: tells every running process at once; nothing of it is kept
NOTICES = "notices"  # headers: carries notifications to their lane, by channel and severity


@dataclass(frozen=True)
class QueueRow:
    """One work queue. `routing_key` is its own name unless said otherwise."""

    name: str
    purpose: str
    routing_key: str = ""
    classic: bool = (
        False  # on RabbitMQ: knows priorities in every version, but keeps less than a quorum queue
    )

    @property
    def key(self) -> str:
        return self.routing_key or self.name


@dataclass(frozen=True)
class SubscriptionRow:
    """What an app's `subscribers.py` declares: the events of a pattern, kept in a queue of its own."""

    name: str
    pattern: str

    @property
    def queue(self) -> str:
        return f"{SUBSCRIPTION_PREFIX}{self.name}"


@dataclass(frozen=True)
class LaneRow:
    """Notifications that go to `queue`; an empty field stands for every value."""

    queue: str
    severity: str = ""
    channel: str = ""

    def takes(self, severity: str, channel: str) -> bool:
        return self.severity in {"", severity} and self.channel in {"", channel}


SUBSCRIPTION_PREFIX = "events_"
OTHER_CHANNEL = "other"
QUORUM, CLASSIC = "quorum", "classic"
URGENT = "urgent"
URGENT_PRIORITY_MAX = 2  # 0 is the highest; jobs of priority 0 to 2 ride in the urgent lane

QUEUES = (
    QueueRow("default", "tasks that no route names"),
    QueueRow("email", "mail"),
    QueueRow("data", "imports, syncs and pipelines"),
    QueueRow("report", "reports"),
    QueueRow("notification", "notices to people"),
    QueueRow("cleanup", "retention"),
    QueueRow(URGENT, "jobs of priority 0 to 2, with workers of their own"),
)

ROUTES = {
    "apps.email.*": {"queue": "email"},
    "apps.data.*": {"queue": "data"},
    "apps.report.*": {"queue": "report"},
    "apps.notification.*": {"queue": "notification"},
    "apps.cleanup.*": {"queue": "cleanup"},
}

# Your own routers, as dotted names; asked in this order, before a job's arguments and ROUTES are looked at.
ROUTERS: tuple[str, ...] = ()

SEVERITIES = ("info", "warning", "error", "critical")
# The first row that takes a notification names its lane; without one it goes where ROUTES say.
# `channel` is the name of the one channel that it was asked to go through.
LANES = (LaneRow(URGENT, severity="critical"),)


@dataclass(frozen=True)
class Lane:
    """What the headers of a message have to be, all of them, to go to the queue."""

    queue: str
    headers: Mapping[str, str]


def expand_lanes(rows: Sequence[LaneRow] = LANES) -> list[Lane]:
    """The rows as combinations of headers, each of which has one queue.

    A headers exchange knows no order, and a job that two of its queues took would run twice. Channels
    that no row names all go by one name, so that the combinations can be listed.
    """
    channels = [*dict.fromkeys(row.channel for row in rows if row.channel), OTHER_CHANNEL]
    pairs = [(severity, channel) for severity in SEVERITIES for channel in channels]
    return [
        Lane(taker.queue, {"severity": severity, "channel": channel})
        for severity, channel in pairs
        if (taker := next((row for row in rows if row.takes(severity, channel)), None))
    ]


def expand_queues(extra: list[dict[str, Any]]) -> list[QueueRow]:
    """Our queues and those of CELERY_TASK_QUEUES; a name of ours there changes its routing key."""
    added = {
        row["name"]: QueueRow(
            row["name"], "CELERY_TASK_QUEUES", row.get("routing_key", ""), row.get("type") == CLASSIC
        )
        for row in extra
    }
    return list({**{row.name: row for row in QUEUES}, **added}.values())


def expand_routes(extra: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Patterns to routes, those of CELERY_TASK_ROUTES first: the first that matches is taken."""
    asked = {pattern: route for key, route in extra.items() for pattern in route_patterns(key)}
    return {
        **asked,
        **{pattern: route for pattern, route in ROUTES.items() if pattern not in asked},
    }


def valid_name(name: str) -> str:
    """The name itself, or ValueError."""
    if not NAME.fullmatch(name):
        raise ValueError(f"expected a name of a-z, 0-9 and _ (at most 100), not {name!r}")
    return name


def route_patterns(key: str) -> tuple[str, ...]:
    """A bare app name stands for all of its tasks: `CELERY_TASK_ROUTES__EMAIL__QUEUE=email`."""
    return (key,) if "." in key or "*" in key else (f"apps.{key}.*", f"{key}.*")
