"""What `manage.py check` says about the configuration beyond single values."""

import difflib
from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error
from django.core.checks import Warning as CheckWarning

from project.deployment import unknown_variables
from project.servers.running import Running


def unknown_names(**_: Any) -> list[CheckMessage]:
    return [
        CheckWarning(
            f"{name} is set, but nothing reads it.",
            hint=f"Did you mean {near}?" if near else "docs/configuration.md has every name.",
            id="switchyard.W001",
        )
        for name, near in unknown_variables().items()
    ]


def routes_lead_somewhere(**_: Any) -> list[CheckMessage]:
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    asked = {pattern: route["queue"] for pattern, route in settings.ROUTES.items()}
    asked["CELERY_TASK_DEFAULT_QUEUE"] = settings.CELERY_TASK_DEFAULT_QUEUE
    return [
        Error(
            f"{where} leads to the queue {queue!r}, which does not exist.",
            hint=nearest(queue, names),
            id="switchyard.E001",
        )
        for where, queue in asked.items()
        if queue not in names
    ]


def embedded_database_stopped() -> bool:
    """Whether the database that can't be reached is the one `manage.py up` brings."""
    return "postgres" in settings.EMBEDDED_SERVERS and not Running.read(settings.VAR_ROOT).alive("postgres")


def nearest(name: str, names: list[str]) -> str:
    near = difflib.get_close_matches(name, names, n=1)
    return (
        f"Did you mean {near[0]}?"
        if near
        else f"Queues are {', '.join(names)}; CELERY_TASK_QUEUES adds more."
    )
