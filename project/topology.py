"""Every exchange, queue, dead-letter rule and route, as data.

Names are `[a-z0-9_]+`: native delays bind with a suffix match, so a dotted name would also catch
the messages of its own tail (https://docs.celeryq.dev, "Native Delayed Delivery").
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

NAME = re.compile(r"[a-z0-9_]{1,100}")

TASKS = "tasks"  # topic: carries tasks to queues by routing key; native delays need a topic exchange
DEAD = "dead"  # direct: carries what failed to its keeper, by the queue it came from
UNROUTED = "unrouted"  # fanout: catches what no queue was bound for


@dataclass(frozen=True)
class QueueRow:
    """One work queue. `routing_key` is its own name unless said otherwise."""

    name: str
    purpose: str
    routing_key: str = ""

    @property
    def key(self) -> str:
        return self.routing_key or self.name


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


def expand_queues(extra: list[dict[str, Any]]) -> list[QueueRow]:
    """Our queues and those of CELERY_TASK_QUEUES; a name of ours there changes its routing key."""
    added = {
        row["name"]: QueueRow(row["name"], "CELERY_TASK_QUEUES", row.get("routing_key", "")) for row in extra
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
