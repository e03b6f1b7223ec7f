"""What `manage.py topology` says: as data, and as lines for people."""

from collections import defaultdict
from typing import Any

from project.rabbitmq.comparing import Difference
from project.rabbitmq.upkeep import Broker, Outcome

LINES_AT_MOST = 12

Told = tuple[dict[str, Any], list[str]]


def kept(broker: Broker, outcome: Outcome) -> Told:
    """Of `keep`. A policy that could not be set becomes a command to run."""
    commands = [
        policy.command(str(broker.connection.virtual_host or "/"))
        for policy in broker.policies
        if outcome.policies[policy.name] == "not set"
    ]
    data = {
        "queues": broker.names,
        "subscriptions": subscribed(broker),
        "mended": [difference.what for difference in outcome.mended],
        "differences": listed(outcome.left + outcome.overruled),
        "policies": outcome.policies,
        "why_not_set": outcome.silence,
        "commands": commands,
    }
    return data, [*lines_of_queues(broker, outcome), *lines_of_policies(outcome), *by_hand(outcome, commands)]


def checked(broker: Broker, differences: list[Difference]) -> Told:
    """Of `look`."""
    data = {
        "queues": broker.names,
        "subscriptions": subscribed(broker),
        "differences": listed(differences),
        "not_checked": broker.silence,
    }
    count = len(broker.names)
    verdict = "The broker differs:" if differences else f"{count} queues: as they have to be"
    lines = [verdict, *(f"- {difference}" for difference in differences)]
    if broker.silence:
        lines.append(f"Bindings and policies were not checked: {broker.silence}.")
    return data, lines


def lines_of_queues(broker: Broker, outcome: Outcome) -> list[str]:
    state = "changed" if outcome.mended else "unchanged"
    lines = [f"{len(broker.names)} queues: {', '.join(broker.names)}: {state}", told(subscribed(broker))]
    return [line for line in lines if line] + first(
        [f"- mended: {difference.what}" for difference in outcome.mended]
    )


def first(lines: list[str]) -> list[str]:
    """A new broker lacks everything: JSON has the whole list."""
    more = len(lines) - LINES_AT_MOST
    return [*lines[:LINES_AT_MOST], f"- and {more} more"] if more > 0 else lines


def lines_of_policies(outcome: Outcome) -> list[str]:
    by_state = defaultdict(list)
    for name, state in outcome.policies.items():
        by_state[state].append(name)
    return [f"Policies {', '.join(names)}: {state}" for state, names in by_state.items()]


def by_hand(outcome: Outcome, commands: list[str]) -> list[str]:
    lines = []
    if commands:
        lines.append(f"Policies could not be set: {outcome.silence}.")
        lines.append("Set CELERY_BROKER_MANAGEMENT_URL, or run this on the broker's host:")
        lines += [f"  {command}" for command in commands]
    for title, differences in (("Left to you", outcome.left), ("Without effect", outcome.overruled)):
        if differences:
            lines += [f"{title}:", *(f"- {difference}" for difference in differences)]
    return lines


def listed(differences: list[Difference]) -> list[dict[str, Any]]:
    return [{"what": difference.what, "mend": difference.mend} for difference in differences]


def subscribed(broker: Broker) -> list[str]:
    return [row.queue for row in broker.more.subscriptions]


def told(subscriptions: list[str]) -> str:
    return f"{len(subscriptions)} subscriptions: {', '.join(subscriptions)}" if subscriptions else ""
