"""The policies that our queues and exchanges need, as data.

A policy can be changed while the queue is in use; a queue's arguments can't. So every limit is one.
RabbitMQ applies a single policy to a queue: the one of the highest priority that fits.
"""

import json
import re
import shlex
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kombu.transport.native_delayed_delivery import CELERY_DELAYED_DELIVERY_EXCHANGE

from project.topology import DEAD, UNROUTED

DELAYED_RETRY_SINCE = (4, 3)
DAY_MILLISECONDS = 86_400_000
DEAD_MAX_BYTES = 1_000_000_000
APPLIES = {
    "queues": {"queues", "quorum_queues", "all"},
    "exchanges": {"exchanges", "all"},
}


@dataclass(frozen=True)
class Policy:
    """`names` are what it is for; the pattern catches exactly those."""

    name: str
    apply_to: str
    names: tuple[str, ...]
    definition: Mapping[str, Any]
    priority: int = 10

    @property
    def pattern(self) -> str:
        return f"^({'|'.join(self.names)})$"

    def body(self) -> dict[str, Any]:
        """As the management API takes it and shows it."""
        return {
            "pattern": self.pattern,
            "apply-to": self.apply_to,
            "priority": self.priority,
            "definition": dict(self.definition),
        }

    def command(self, vhost: str) -> str:
        """For a shell on the broker's host."""
        words = ["rabbitmqctl", "set_policy", "--vhost", vhost, "--priority", str(self.priority)]
        words += ["--apply-to", self.apply_to, self.name, self.pattern, json.dumps(dict(self.definition))]
        return shlex.join(words)


@dataclass(frozen=True)
class Limits:
    """What the settings say about every work queue."""

    deliveries: int
    max_bytes: int


def wanted_policies(names: Iterable[str], limits: Limits, version: str) -> list[Policy]:
    """For the work queues of these names, on a broker of this version."""
    work = {"delivery-limit": limits.deliveries, "max-length-bytes": limits.max_bytes}
    if release(version) >= DELAYED_RETRY_SINCE:
        work |= DELAYED_RETRY
    return [
        Policy("work", "queues", tuple(names), work),
        # When it is full, the dead wait in the queues they came from; none is dropped for another.
        Policy(
            DEAD,
            "queues",
            (DEAD,),
            {
                "message-ttl": 14 * DAY_MILLISECONDS,
                "max-length-bytes": DEAD_MAX_BYTES,
                "overflow": "reject-publish",
            },
        ),
        # Without it, delayed messages that no queue is bound for would hold up all the others.
        Policy(
            UNROUTED,
            "exchanges",
            (CELERY_DELAYED_DELIVERY_EXCHANGE,),
            {"alternate-exchange": UNROUTED},
        ),
    ]


# A job that took its worker down waits before it is tried again, longer each time.
DELAYED_RETRY: dict[str, Any] = {
    "delayed-retry-type": "failed",
    "delayed-retry-min": 5_000,
    "delayed-retry-max": 300_000,
}


def release(version: str) -> tuple[int, int]:
    """`4.3.0-rc.1` is (4, 3); what has no such number is older than everything."""
    found = re.match(r"(\d+)\.(\d+)", version)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def same(policy: Policy, row: Mapping[str, Any] | None) -> bool:
    return row is not None and all(row.get(key) == value for key, value in policy.body().items())


def displacing(policy: Policy, rows: Iterable[Mapping[str, Any]]) -> list[str]:
    """Names of other policies that win over this one on something it is for."""
    return [
        str(row["name"])
        for row in rows
        if row["name"] != policy.name
        and row["priority"] >= policy.priority
        and row["apply-to"] in APPLIES[policy.apply_to]
        and any(re.search(row["pattern"], name) for name in policy.names)
    ]
