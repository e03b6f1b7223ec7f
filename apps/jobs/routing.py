"""Which queue a job goes to. Set as Celery's one router; docs/routing.md tells the order."""

import re
from collections.abc import Mapping
from functools import cache, partial
from typing import Any

from celery.app.routes import MapRoute
from django.conf import settings

from apps.jobs.errors import ArgumentError
from apps.jobs.orders import PRIORITY_LOWEST
from apps.jobs.routers import Asked, answer_of, asked_of

DELAY = re.compile(r"^(?:[01]\.){28}")  # what native delays put before a routing key


def route(name: str, args: Any, kwargs: Any, options: dict[str, Any], task: object = None) -> dict[str, Any]:
    """An asked-for queue, else the urgent lane, else what the user's routers say, else what the arguments
    say, else the first pattern that fits, else the default. Raises RoutingError and ArgumentError.

    A retry stays in the queue of its delivery: a router that has changed its mind can't lose it.
    """
    publish = settings.PUBLISH_OPTIONS
    if options.get("routing_key"):
        return {**publish, **({} if options.get("queue") else delivered_from(options["routing_key"]))}
    check_priority(options.get("priority"))
    if options.get("queue"):
        return {**publish}
    return {**publish, **chosen(Asked(name, args or (), kwargs or {}, options, task))}


def chosen(job: Asked) -> dict[str, Any]:
    priority = job.options.get("priority")
    if priority is not None and priority <= settings.URGENT_PRIORITY_MAX:
        return {"queue": settings.URGENT_QUEUE}
    return (
        asked_of(job)
        or by_arguments(job)
        or patterns()(job.name)
        or {"queue": settings.CELERY_TASK_DEFAULT_QUEUE}
    )


def check_priority(priority: Any) -> None:
    if priority is not None and not (isinstance(priority, int) and 0 <= priority <= PRIORITY_LOWEST):
        raise ArgumentError({"priority": f"expected 0 (first) to {PRIORITY_LOWEST}, got {priority!r:.100}"})


def by_arguments(job: Asked) -> dict[str, Any]:
    """What the task itself says of such arguments: the lane of a notice, or what its `queue_by` names."""
    if lane := lane_of(notice(job.task, job.args, job.kwargs)):
        return {"queue": lane}
    queue_by: Any = getattr(job.task, "queue_by", None)
    if queue_by is None:
        return {}
    return answer_of(f"queue_by of the task {job.name}", partial(queue_by, job.args, job.kwargs))


def notice(task: Any, args: Any, kwargs: Any) -> dict[str, str]:
    """The headers of a job that is a notice; a channel that no lane names is one of all the others."""
    headers = getattr(task, "notice", None)
    if headers is None:
        return {}
    found: dict[str, str] = headers(args or (), kwargs or {})
    named = {lane.headers["channel"] for lane in settings.NOTICE_LANES}
    return found if found["channel"] in named else found | {"channel": settings.OTHER_CHANNEL}


def lane_of(headers: dict[str, str]) -> str:
    """The queue that the exchange of notices has for these; "" for none."""
    return next((lane.queue for lane in settings.NOTICE_LANES if headers == lane.headers), "")


def queue_of_delivery(delivery: Mapping[str, Any]) -> str:
    """The queue that a message came from, by its delivery; its routing key where no queue has that."""
    key = str(delivery.get("routing_key") or "")
    return delivered_from(key).get("queue", key)


def delivered_from(routing_key: str) -> dict[str, str]:
    key = DELAY.sub("", routing_key, count=1)
    names = {queue.routing_key: queue.name for queue in settings.CELERY_TASK_QUEUES}
    return {"queue": names[key]} if key in names else {}


@cache
def patterns() -> MapRoute:
    return MapRoute(settings.ROUTES)
