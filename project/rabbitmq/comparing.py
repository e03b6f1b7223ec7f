"""How the broker differs from what has to be there, and what mends it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kombu.transport.native_delayed_delivery import CELERY_DELAYED_DELIVERY_EXCHANGE

from project.rabbitmq.layout import EXCHANGE, QUEUE, Binding, Layout
from project.rabbitmq.policies import Policy, displacing, same
from project.topology import EVENTS, NOTICES, SUBSCRIPTION_PREFIX, TASKS

RUN = "manage.py topology"


@dataclass(frozen=True)
class Difference:
    """`mend` is a command, or what a person has to do; `by_hand` when `manage.py topology` can't."""

    what: str
    mend: str = RUN
    by_hand: bool = False

    def __str__(self) -> str:
        return f"{self.what} Mend: {self.mend}"


def compare(wanted: Layout, present: Layout, work: Iterable[str]) -> list[Difference]:
    """Of exchanges, queues and bindings. `work` names the queues that can be migrated."""
    return [
        *exchanges(wanted, present),
        *queues(wanted, present, set(work)),
        *(
            Difference(f"The binding {text(binding)} is missing.")
            for binding in sorted(wanted.bindings - present.bindings)
        ),
        *(
            Difference(f"Delayed messages for {stray.key!r} reach no queue and would hold up all others.")
            for stray in strays(wanted, present)
        ),
        *(
            Difference(f"The queue {stray.destination} still gets the events of {stray.key!r}.")
            for stray in stray_events(wanted, present)
        ),
        *(
            Difference(f"The queue {stray.destination} still gets the notices of {stray.matching}.")
            for stray in stray_lanes(wanted, present)
        ),
    ]


def strays(wanted: Layout, present: Layout) -> list[Binding]:
    """Ways of delayed messages that end at no queue: left behind by a queue that was deleted.

    Such a message counts as routed, so no alternate exchange takes it, and after 32 of them
    the last delay queue stands still.
    """
    taken = {binding.key for binding in present.bindings if binding[:2] == (TASKS, QUEUE)}
    return sorted(
        binding
        for binding in present.bindings - wanted.bindings
        if binding[:3] == (CELERY_DELAYED_DELIVERY_EXCHANGE, EXCHANGE, TASKS) and binding.key not in taken
    )


def stray_events(wanted: Layout, present: Layout) -> list[Binding]:
    """Ways of events to the queue of a subscription that is gone from the code, or has another pattern.

    Queues that others have bound to the exchange are theirs.
    """
    return sorted(
        binding
        for binding in present.bindings - wanted.bindings
        if binding.source == EVENTS and binding.destination.startswith(SUBSCRIPTION_PREFIX)
    )


def stray_lanes(wanted: Layout, present: Layout) -> list[Binding]:
    """Ways of notices to work queues beside those of the lanes: a job that took both would run twice."""
    work = {binding.destination for binding in wanted.bindings if binding[:2] == (TASKS, QUEUE)}
    return sorted(
        binding
        for binding in present.bindings - wanted.bindings
        if binding.source == NOTICES and binding.destination in work
    )


def compare_policies(wanted: Iterable[Policy], rows: list[dict[str, Any]]) -> list[Difference]:
    by_name = {row["name"]: row for row in rows}
    found = []
    for policy in wanted:
        if policy.name not in by_name:
            found.append(Difference(f"The policy {policy.name!r} is missing."))
        elif not same(policy, by_name[policy.name]):
            found.append(Difference(f"The policy {policy.name!r} says something else."))
        found += [overruled(policy, other) for other in displacing(policy, rows)]
    return found


def overruled(policy: Policy, other: str) -> Difference:
    return Difference(
        f"The policy {other!r} takes the place of {policy.name!r}, which then has no effect.",
        f"add {dict(policy.definition)} to it, or give it a priority below {policy.priority}",
        by_hand=True,
    )


def exchanges(wanted: Layout, present: Layout) -> list[Difference]:
    found = []
    for name, kind in wanted.exchanges.items():
        there = present.exchanges.get(name)
        if there is None:
            found.append(Difference(f"The exchange {name} is missing."))
        elif there != kind:
            mend = f"stop everything that publishes, delete it on the broker, then {RUN}"
            found.append(Difference(f"The exchange {name} is {there}, not {kind}.", mend, by_hand=True))
    return found


def queues(wanted: Layout, present: Layout, work: set[str]) -> list[Difference]:
    found = []
    for name, arguments in wanted.queues.items():
        there = present.queues.get(name)
        if there is None:
            found.append(Difference(f"The queue {name} is missing."))
        elif dict(there) != dict(arguments):
            found.append(other_arguments(name, unlike(arguments, there), name in work))
    return found


def other_arguments(name: str, how: str, movable: bool) -> Difference:
    by_moving = f"{RUN} --migrate {name}"
    by_deleting = f"delete it on the broker once it is empty, then {RUN}"
    return Difference(
        f"The queue {name} has other arguments ({how}).", by_moving if movable else by_deleting, by_hand=True
    )


def unlike(wanted: Mapping[str, Any], there: Mapping[str, Any]) -> str:
    names = sorted(name for name in wanted.keys() | there.keys() if wanted.get(name) != there.get(name))
    return ", ".join(f"{name}: {there.get(name)} instead of {wanted.get(name)}" for name in names)


def text(binding: Binding) -> str:
    by = binding.matching or binding.key or "no key"
    return f"{binding.source} -> {binding.kind} {binding.destination} ({by})"
