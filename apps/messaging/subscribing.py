"""Subscriptions: an app's `subscribers.py` says which events it wants, and what to do with each.

    @subscribe("data.import.*", name="tell_of_imports")
    def tell_of_imports(event: Fact) -> None: ...

Each event becomes a job of its own, with a row in the ledger, retries and limits as any other.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from celery import shared_task
from django.conf import settings

from apps.messaging import patterns as topics

NAME = re.compile(r"[a-z][a-z0-9_]{0,59}")


@dataclass(frozen=True)
class Fact:
    """An event as a subscriber gets it. `facts` are plain JSON."""

    id: int
    topic: str
    facts: dict[str, Any]
    occurred_at: datetime


@dataclass(frozen=True)
class Declared:
    """A subscription of the code. `task` is the name of the task that gets its events."""

    name: str
    pattern: str
    task: str

    @property
    def queue(self) -> str:
        return queue_of(self.name)


DECLARED: dict[str, Declared] = {}


def subscribe(pattern: str, *, name: str, **options: Any) -> Callable[[Callable[[Fact], Any]], Any]:
    """Makes the function a task that gets each event whose topic fits the pattern, at least once.

    `name` is the subscription's for ever: its queue is named after it, and keeps its events while nobody
    takes them. `options` are `shared_task`'s. Raises ValueError for a bad pattern or name, or one that is
    taken.
    """
    topics.checked(pattern)
    if not NAME.fullmatch(name):
        raise ValueError(f"name: expected a-z, 0-9 and _, at most 60 characters, got {name!r}")

    def declare(function: Callable[[Fact], Any]) -> Any:
        task = f"{function.__module__}.{function.__name__}"
        declared = Declared(name, pattern, task)
        if DECLARED.setdefault(name, declared) != declared:
            raise ValueError(f"name: there is a subscription {name!r} already, of {DECLARED[name].task}")
        make: Any = shared_task(name=task, **options)
        return make(function)

    return declare


def patterns() -> dict[str, str]:
    """Of every subscription, by name: for `manage.py topology`."""
    return {declared.name: declared.pattern for declared in DECLARED.values()}


def queue_of(name: str) -> str:
    return f"{settings.SUBSCRIPTION_PREFIX}{name}"
