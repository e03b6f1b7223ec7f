"""Looking into signatures."""

from collections.abc import Iterator
from typing import Any

from celery.canvas import _chain, chord, group, maybe_signature
from celery.result import AsyncResult, GroupResult


def leaves(signature: Any) -> Iterator[Any]:
    """Each single task in it, its callbacks among them."""
    found: Any = maybe_signature(signature)
    parts: list[Any]
    if isinstance(found, _chain | group):
        parts = list(found.tasks)
    elif isinstance(found, chord):
        parts = [*getattr(found.tasks, "tasks", found.tasks), found.body]
    else:
        yield found
        parts = []
    links = [*listed(found.options.get("link")), *listed(found.options.get("link_error"))]
    for part in [*parts, *links]:
        yield from leaves(part)


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value] if value else []


def beginnings(body: Any) -> list[str]:
    """The ids of the jobs that are published when it is called."""
    if isinstance(body, _chain):
        return beginnings(body.tasks[0]) if body.tasks else []
    if isinstance(body, group):
        parts = list(body.tasks)
    elif isinstance(body, chord):
        parts = list(getattr(body.tasks, "tasks", body.tasks))
    else:
        return [body.id] if body.id else []
    return [found for part in parts for found in beginnings(maybe_signature(part))]


def ids_of(results: Any) -> list[Any]:
    """Of the results of a header; a group's within are a list within."""
    return [
        ids_of(result.results) if isinstance(result, GroupResult) else str(result.id)
        for result in results
        if isinstance(result, AsyncResult | GroupResult)
    ]


def flat(ids: list[Any]) -> list[str]:
    return [leaf for found in ids for leaf in (flat(found) if isinstance(found, list) else [found])]
