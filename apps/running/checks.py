"""Whether what tasks declare makes sense."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from apps.jobs import catalog

GRACE_MOST_SECONDS = 3600


@register
def graces_are_seconds(**_: Any) -> list[CheckMessage]:
    tasks: list[Any] = list(catalog.tasks().values())
    return [
        Error(
            f"The task {task.name} declares cancel_grace={task.cancel_grace!r}.",
            hint=f"Expected seconds, 0 to {GRACE_MOST_SECONDS}.",
            id="running.E001",
        )
        for task in tasks
        if not is_grace(getattr(task, "cancel_grace", 0))
    ]


def is_grace(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and 0 <= value <= GRACE_MOST_SECONDS
