"""Deleting the queue that a subscription left behind when it went from the code."""

from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from apps.jobs.errors import ArgumentError
from apps.messaging.looking import connected, look
from apps.messaging.models import Subscription
from apps.messaging.subscribing import DECLARED, patterns


def remove(queue: str, *, force: bool = False) -> int:
    """How many events were in it, and are gone with it.

    Raises ArgumentError for a queue that isn't a lost subscription's, and for one that isn't empty without
    `force`; Unreachable.
    """
    rows = {row["name"]: row for row in look()["queues"]}
    row = rows.get(queue)
    refuse(queue, row, sorted(name for name, found in rows.items() if found["kind"] == "orphan"))
    waiting = sum(int(row[name] or 0) for name in ("ready", "unacknowledged")) if row else 0
    if waiting and not force:
        raise ArgumentError({"queue": f"{waiting} events wait in {queue}: add --force to drop them"})
    if row is not None:
        with connected() as connection:
            import_string(settings.QUEUE_REMOVER)(connection, queue, patterns())
    Subscription.objects.filter(name__in=[known.name for known in gone(queue)]).delete()
    return waiting


def refuse(queue: str, row: dict[str, Any] | None, orphans: list[str]) -> None:
    """Raises ArgumentError."""
    if row is not None and row["kind"] == "orphan":
        return
    if any(declared.queue == queue for declared in DECLARED.values()):
        raise ArgumentError({"queue": f"{queue} is the queue of a subscription that the code has"})
    if row is not None:
        raise ArgumentError({"queue": f"{queue} is no subscription's: it is not deleted here"})
    if not gone(queue):
        known = f"there are {', '.join(orphans)}" if orphans else "there is none"
        raise ArgumentError({"queue": f"expected the queue of a lost subscription, {known}, got {queue!r}"})


def gone(queue: str) -> list[Subscription]:
    return [row for row in Subscription.objects.exclude(gone_at=None) if row.queue == queue]
