"""Which queue a job goes to. Set as Celery's one router; the table is `settings.ROUTES`."""

from functools import cache
from typing import Any

from celery.app.routes import MapRoute
from django.conf import settings


def route(name: str, args: Any, kwargs: Any, options: dict[str, Any], task: object = None) -> dict[str, Any]:
    """An asked-for queue, else the urgent lane, else the first pattern that fits, else the default."""
    publish = settings.PUBLISH_OPTIONS
    if options.get("queue"):
        return {**publish}
    priority = options.get("priority")
    if priority is not None and priority <= settings.URGENT_PRIORITY_MAX:
        return {"queue": settings.URGENT_QUEUE, **publish}
    found = patterns()(name) or {"queue": settings.CELERY_TASK_DEFAULT_QUEUE}
    return {**publish, **found}


@cache
def patterns() -> MapRoute:
    return MapRoute(settings.ROUTES)
