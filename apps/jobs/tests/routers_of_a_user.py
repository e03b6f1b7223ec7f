"""Routers as a user writes them, in our form and in Celery's own, right and wrong."""

from collections.abc import Mapping, Sequence
from typing import Any

from kombu import Queue

HERE = "apps.jobs.tests.routers_of_a_user"


class ByTenant:
    """In our form: jobs of a tenant in arrears wait in `report`; of the others it says nothing."""

    def route(
        self, task: str, args: Sequence[Any], kwargs: Mapping[str, Any], options: Mapping[str, Any]
    ) -> str | None:
        late = kwargs.get("left") == 13 or 13 in args or options.get("priority") == 9
        return "report" if late else None


def by_name(name: str, args: Any, kwargs: Any, options: Any, task: Any = None, **_: Any) -> Any:
    """As Celery's documentation writes them; a topic route names the key alone."""
    if task is None or name != task.name:
        return None
    return {"exchange": "tasks", "exchange_type": "topic", "routing_key": "cleanup"}


class OldStyle:
    """Celery's class, which gives a dict."""

    def route_for_task(self, task: str, args: Any = None, kwargs: Any = None) -> Any:
        return {"queue": "email", "expires": 600} if task.startswith("apps.jobs.tests") else None


def by_object(name: str, *_: Any, **__: Any) -> Any:
    return Queue("data")


class Mistyped:
    def route(self, *_: Any) -> str:
        return "emial"


class Broken:
    def route(self, *_: Any) -> str:
        raise KeyError("tenant")


class NoMethod:
    """Has nothing to ask."""


class WantsMore:
    def __init__(self, tenant: str) -> None:
        self.tenant = tenant
