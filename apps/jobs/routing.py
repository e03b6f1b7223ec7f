"""Which queue a job goes to. Set as Celery's one router; the table is `settings.ROUTES`."""

import re
from collections.abc import Mapping
from functools import cache
from typing import Any

from celery.app.routes import MapRoute
from django.conf import settings

DELAY = re.compile(r"^(?:[01]\.){28}")  # what native delays put before a routing key


def route(name: str, args: Any, kwargs: Any, options: dict[str, Any], task: object = None) -> dict[str, Any]:
    """An asked-for queue, else the urgent lane, else that of a notice, else the first pattern that fits,
    else the default.

    A retry stays in the queue of its delivery: what it carries of its priority can't be trusted,
    because a message that was given none arrives with 0.
    """
    publish = settings.PUBLISH_OPTIONS
    if options.get("queue"):
        return {**publish}
    if options.get("routing_key"):
        return {**publish, **delivered_from(options["routing_key"])}
    priority = options.get("priority")
    if priority is not None and priority <= settings.URGENT_PRIORITY_MAX:
        return {"queue": settings.URGENT_QUEUE, **publish}
    if lane := lane_of(notice(task, args, kwargs)):
        return {"queue": lane, **publish}
    found = patterns()(name) or {"queue": settings.CELERY_TASK_DEFAULT_QUEUE}
    return {**publish, **found}


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
