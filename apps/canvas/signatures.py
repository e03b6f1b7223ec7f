"""Looking into signatures."""

from collections.abc import Iterator
from typing import Any

from celery.canvas import _chain, chord, group, maybe_signature
from celery.result import AsyncResult, GroupResult

COMPOSITE = (_chain, group, chord)
CALLBACKS = ("link", "link_error")
LATER = (*CALLBACKS, "chain", "chord")  # all the options that hold signatures


def leaves(signature: Any) -> Iterator[Any]:
    """Each single task in it, its callbacks among them."""
    return (found for found in nodes(signature, CALLBACKS) if not isinstance(found, COMPOSITE))


def nodes(signature: Any, options: tuple[str, ...] = LATER) -> Iterator[Any]:
    """Each signature in it, itself first; with those that these options hold."""
    found: Any = maybe_signature(signature)
    yield found
    for part in [*parts_of(found), *(held for name in options for held in listed(found.options.get(name)))]:
        yield from nodes(part, options)


def parts_of(signature: Any) -> list[Any]:
    if isinstance(signature, chord):
        return [*getattr(signature.tasks, "tasks", signature.tasks), *listed(signature.body)]
    return list(signature.tasks) if isinstance(signature, _chain | group) else []


def listed(value: Any) -> list[Any]:
    return list(value) if isinstance(value, list | tuple) else [value] if value else []


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
