"""Routers of a user's own, named in settings.JOB_ROUTERS; in our form or in one of Celery's own.

A class with `route(task, args, kwargs, options)`; a function as Celery calls one, with `(task, args,
kwargs, options, task=…)`; or Celery's class with `route_for_task(task, args, kwargs)`. Each is made
once in each process. None means that the router doesn't mind, and the next one is asked.
"""

import difflib
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

from celery.utils.imports import symbol_by_name
from django.conf import settings

from apps.jobs.errors import RoutingError

EXPECTED = "a class with a method route(task, args, kwargs, options), or a router as Celery takes them"


class UnusableRouter(Exception):
    """The name leads to no router; the text says what it leads to."""


@dataclass(frozen=True)
class Asked:
    """What a router is asked about. `task` is the registered task where this process knows it."""

    name: str
    args: Any
    kwargs: Any
    options: Mapping[str, Any]
    task: Any = None


@cache
def router(dotted: str) -> Callable[[Asked], Any]:
    """Raises UnusableRouter."""
    found = made(dotted)
    if hasattr(found, "route"):
        return lambda job: found.route(job.name, job.args, job.kwargs, {**job.options})
    if hasattr(found, "route_for_task"):
        return lambda job: found.route_for_task(job.name, job.args, job.kwargs)
    if callable(found):
        return lambda job: found(job.name, job.args, job.kwargs, {**job.options}, task=job.task)
    raise UnusableRouter(f"has no method route: expected {EXPECTED}")


def made(dotted: str) -> Any:
    try:
        found = symbol_by_name(dotted)
    except Exception as error:  # whatever that module does while it is loaded
        raise UnusableRouter(f"can't be imported: {said(error)}") from error
    if not inspect.isclass(found):
        return found
    try:
        return found()
    except Exception as error:  # its own
        raise UnusableRouter(f"can't be made without arguments: {said(error)}") from error


def asked_of(job: Asked) -> dict[str, Any]:
    """The first answer of settings.JOB_ROUTERS, with the queue by its name; {}: none. Raises RoutingError."""
    for dotted in settings.JOB_ROUTERS:
        try:
            ask = router(dotted)
        except UnusableRouter as error:
            raise RoutingError({"queue": f"the router {dotted} {error}"}) from error
        if found := answer_of(f"the router {dotted}", partial(ask, job)):
            return found
    return {}


def answer_of(who: str, ask: Callable[[], Any]) -> dict[str, Any]:
    """A queue's name, or a dict with `queue`, as a dict. Raises RoutingError, which names who said what."""
    try:
        answer = ask()
    except Exception as error:  # whatever its author did
        raise RoutingError({"queue": f"{who} failed: {said(error)}"}) from error
    if not answer:
        return {}
    more = dict(answer) if isinstance(answer, Mapping) else {"queue": answer}
    exchange, key = more.pop("exchange", None), more.pop("routing_key", None)
    queue = more.pop("queue", None) or queue_bound_by(key)
    more.pop("exchange_type", None)
    name = str(getattr(queue, "name", queue))  # Celery's own routers may give a kombu.Queue
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    if name not in names:
        told = repr(name) if queue else f"the key {key!r} of the exchange {exchange!r}"
        raise RoutingError({"queue": f"{who} said {told}, which is no queue; {nearest(name, names)}"})
    return {**more, "queue": name}


def nearest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return f"did you mean {near[0]}?" if near else f"expected one of {', '.join(names)}"


def queue_bound_by(key: Any) -> str | None:
    queues = settings.CELERY_TASK_QUEUES
    return next((queue.name for queue in queues if key and queue.routing_key == key), None)


def said(error: Exception) -> str:
    return f"{type(error).__name__}: {error}".removesuffix(": ")
