"""Looking at a broker, and making it what it has to be."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from amqp.exceptions import NotFound, PreconditionFailed
from kombu import Connection, Queue

from project.broker import NOTHING_MORE, Wanted, declare
from project.rabbitmq.channels import opened
from project.rabbitmq.comparing import (
    Difference,
    compare,
    compare_policies,
    other_arguments,
    stray_events,
    stray_lanes,
    strays,
)
from project.rabbitmq.layout import Layout, present, wanted
from project.rabbitmq.management import Management, RefusedError
from project.rabbitmq.policies import Limits, Policy, same, wanted_policies


@dataclass(frozen=True)
class Broker:
    """A connected RabbitMQ and what has to be on it.

    `api` is None where the management API can't be used, and `silence` then says why.
    """

    connection: Connection
    queues: tuple[Queue, ...]
    limits: Limits
    api: Management | None
    silence: str = ""
    more: Wanted = NOTHING_MORE

    @property
    def names(self) -> list[str]:
        return [queue.name for queue in self.queues]

    @property
    def policies(self) -> list[Policy]:
        version = str(self.connection.connection.server_properties.get("version", ""))
        subscribed = [row.queue for row in self.more.subscriptions]
        return wanted_policies([*self.names, *subscribed], self.limits, version)

    @property
    def layout(self) -> Layout:
        return wanted(self.queues, self.more)


@dataclass(frozen=True)
class Outcome:
    """What `keep` did.

    `left` is what only a person can mend: workers can't use such a queue. `policies` has a state for
    each, "unchanged", "set" or "not set"; `silence` says why not; `overruled` are without effect.
    """

    mended: list[Difference]
    left: list[Difference]
    policies: dict[str, str]
    silence: str = ""
    overruled: list[Difference] = field(default_factory=list)


def look(broker: Broker) -> list[Difference]:
    """Every difference. Without the API: of queues alone. Raises ManagementError."""
    if broker.api is None:
        return differing_queues(broker)
    return look_at_layout(broker, broker.api) + look_at_policies(broker, broker.api)


def look_at_layout(broker: Broker, api: Management) -> list[Difference]:
    return compare(broker.layout, present(api), broker.names)


def look_at_policies(broker: Broker, api: Management) -> list[Difference]:
    return compare_policies(broker.policies, api.policies())


def keep(broker: Broker) -> Outcome:
    """Declares what is missing, sets policies, and takes away dead ends of delayed messages.

    A queue whose arguments differ is left as it is: only a migration can change them.
    Raises ManagementError; amqp's PreconditionFailed when a delay queue has other arguments.
    """
    differences = differing_queues(broker) if broker.api is None else look_at_layout(broker, broker.api)
    left = [difference for difference in differences if difference.by_hand]
    mended = [difference for difference in differences if not difference.by_hand]
    declare(broker.connection, [queue for queue in broker.queues if not differs(queue, left)], broker.more)
    if broker.api is None:
        states = dict.fromkeys((policy.name for policy in broker.policies), "not set")
        return Outcome(mended, left, states, broker.silence)
    unbind_strays(broker, broker.api)
    states, refusal = apply(broker.policies, broker.api)
    overruled = [each for each in look_at_policies(broker, broker.api) if each.by_hand]
    return Outcome(mended, left, states, refusal, overruled)


def apply(policies: Iterable[Policy], api: Management) -> tuple[dict[str, str], str]:
    """The state of each policy, and why one could not be set."""
    there = {row["name"]: row for row in api.policies()}
    states, refusal = {}, ""
    for policy in policies:
        states[policy.name] = "unchanged"
        if not same(policy, there.get(policy.name)):
            refusal = refusal or set_policy(policy, api)
            states[policy.name] = "not set" if refusal else "set"
    return states, refusal


def set_policy(policy: Policy, api: Management) -> str:
    """Why it was refused; empty: it was not."""
    try:
        api.set_policy(policy.name, policy.body())
    except RefusedError as error:
        return f"{error}; it needs the tag policymaker"
    return ""


def unbind_strays(broker: Broker, api: Management) -> None:
    with opened(broker.connection) as channel:
        there = present(api)
        for stray in strays(broker.layout, there):
            channel.exchange_unbind(stray.destination, stray.source, stray.key)
        for stray in [*stray_events(broker.layout, there), *stray_lanes(broker.layout, there)]:
            arguments = json.loads(stray.matching) if stray.matching else None
            channel.queue_unbind(stray.destination, stray.source, stray.key, arguments=arguments)


def differing_queues(broker: Broker) -> list[Difference]:
    """By asking for each queue, then declaring it as it is wanted, which changes nothing."""
    found = [differing(broker, name, arguments) for name, arguments in broker.layout.queues.items()]
    return [difference for difference in found if difference is not None]


def differing(broker: Broker, name: str, arguments: Any) -> Difference | None:
    try:
        with opened(broker.connection) as channel:
            channel.queue_declare(name, passive=True)
            channel.queue_declare(name, durable=True, auto_delete=False, arguments=arguments)
    except NotFound:
        return Difference(f"The queue {name} is missing.")
    except PreconditionFailed as error:
        return other_arguments(name, str(error.reply_text), name in broker.names)
    return None


def differs(queue: Queue, left: list[Difference]) -> bool:
    return any(difference.what.startswith(f"The queue {queue.name} has ") for difference in left)
