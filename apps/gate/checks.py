"""Whether limits make sense: of what tasks declare `manage.py check` tells, of what people set the form."""

import difflib
from collections.abc import Sequence
from fnmatch import fnmatchcase
from typing import Any

from django.core.checks import CheckMessage, Error, register

from apps.jobs import catalog
from apps.jobs.arguments import signature
from apps.jobs.limits import InOrder, Limit

SHOWN = 100


@register
def declared_limits_fit(**_: Any) -> list[CheckMessage]:
    """A mistyped argument would be one limit for all."""
    tasks: list[Any] = list(catalog.tasks().values())
    found = [error for task in tasks for limit in limits_of(task) for error in errors_of(task, limit)]
    return found + [error for task in tasks for error in errors_of_order(task)]


def errors_of_order(task: Any) -> list[CheckMessage]:
    if sum(isinstance(limit, InOrder) for limit in limits_of(task)) <= 1:
        return []
    text = f"The task {task.name} declares more than one InOrder."
    hint = "A job has its place in one order. Name several arguments in one key."
    return [Error(text, hint=hint, id="gate.E003")]


def limits_of(task: Any) -> Sequence[Any]:
    """None of a task whose base is a plain `celery.Task`: it doesn't ask the gate."""
    return getattr(task, "limits", ())


def errors_of(task: Any, limit: Any) -> list[CheckMessage]:
    if not isinstance(limit, Limit):
        text = f"The task {task.name} declares {limit!r} as a limit."
        return [Error(text, hint="Expected a Rate, a Concurrency, an InOrder or a Breaker.", id="gate.E002")]
    return [
        Error(
            f"The task {task.name} has a limit by {unknown!r}, but it takes no such argument.",
            hint=f"It takes {', '.join(signature(task).parameters) or 'none'}.",
            id="gate.E001",
        )
        for unknown in unknown_names(task, limit.key + limit.share)
    ]


def unknown_names(task: Any, names: Sequence[str]) -> list[str]:
    known = signature(task)
    return [] if known.others else [name for name in names if name not in known.parameters]


def tasks_like(pattern: str) -> list[Any]:
    return [task for name, task in catalog.tasks().items() if fnmatchcase(name, pattern)]


def wrong_setting(pattern: str, key: Sequence[str], share: Sequence[str]) -> dict[str, str]:
    """What is wrong with a limit that people set, by field."""
    tasks = tasks_like(pattern)
    if not tasks:
        near = difflib.get_close_matches(pattern, catalog.tasks(), n=1)
        hint = f"; did you mean {near[0]}?" if near else ""
        return {"task": f"expected a task's name or the start of names, got {pattern[:SHOWN]!r}{hint}"}
    problems = {}
    for field, names in (("key", key), ("share", share)):
        for task in tasks:
            if unknown := unknown_names(task, names):
                problems[field] = f"expected arguments of {task.name}, got {', '.join(unknown)[:SHOWN]}"
    return problems
