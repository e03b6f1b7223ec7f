"""A second way for the messages of one queue, while that queue is not bound.

An exchange of its own, which knows the queue's keys, and a policy that makes it the alternate exchange
of `tasks`. `tasks` asks it only for what no queue takes, so the moment a queue is unbound its messages
go this way, and the moment it is bound again they don't. A message for anybody else finds no queue here
either: its publisher hears of it as before.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from kombu import Connection, Exchange

from project.rabbitmq.channels import opened
from project.rabbitmq.management import Management, ManagementError
from project.topology import TASKS

POLL_SECONDS = 0.1
EFFECT_SECONDS = 10
ALTERNATE = "alternate-exchange"


@dataclass(frozen=True)
class Detour:
    """`name` is that of the queue that takes the messages, of the exchange and of the policy."""

    connection: Connection
    api: Management
    name: str

    def obstacle(self) -> str:
        """Why there can't be one; empty: there can."""
        tasks = self.api.exchange(TASKS) or {"type": "topic", "arguments": {}}
        if tasks["type"] != "topic":
            return f"The exchange {TASKS} is {tasks['type']}, not topic."
        if ALTERNATE in tasks["arguments"]:
            return f"The exchange {TASKS} was declared with an {ALTERNATE}; only a policy could change it."
        return ""

    def open(self, keys: Iterable[str]) -> None:
        """Returns when it is in force. The queue `name` must exist. Raises ManagementError."""
        with opened(self.connection) as channel:
            Exchange(TASKS, type="topic", channel=channel).declare()
            self._declare(channel)
            for key in keys:
                channel.queue_bind(self.name, self.name, key)
        self._enforce()

    def close(self) -> None:
        self.api.delete_policy(self.name)
        with opened(self.connection) as channel:
            channel.exchange_delete(self.name)

    def _declare(self, channel: Any) -> None:
        if self.api.exchange(self.name) is not None:
            return
        other = self._in_force().get(ALTERNATE)
        arguments = {ALTERNATE: other} if other else {}
        channel.exchange_declare(self.name, "topic", durable=True, auto_delete=False, arguments=arguments)

    def _enforce(self) -> None:
        if self._policy_name() == self.name:
            return
        highest = max([row["priority"] for row in self.api.policies()], default=0)
        body = {
            "pattern": f"^{TASKS}$",
            "apply-to": "exchanges",
            "priority": highest + 1,
            "definition": {**self._in_force(), ALTERNATE: self.name},
        }
        self.api.set_policy(self.name, body)
        deadline = time.monotonic() + EFFECT_SECONDS
        while self._policy_name() != self.name:
            if time.monotonic() > deadline:
                raise ManagementError(f"the policy {self.name} did not take effect in {EFFECT_SECONDS} s")
            time.sleep(POLL_SECONDS)

    def _in_force(self) -> dict[str, Any]:
        """What another policy says about `tasks`: it goes on being said."""
        name = self._policy_name()
        found = [row["definition"] for row in self.api.policies() if row["name"] == name != self.name]
        return dict(found[0]) if found else {}

    def _policy_name(self) -> str:
        return str((self.api.exchange(TASKS) or {}).get("policy", ""))
