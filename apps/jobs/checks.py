"""What `manage.py check` says about tasks. Imported when the apps are ready, which registers it."""

from typing import Any

from django.core.checks import CheckMessage, Error, register

from apps.jobs import catalog
from apps.jobs.redacting import unknown_secret_arguments


@register
def secret_arguments_exist(**_: Any) -> list[CheckMessage]:
    """A mistyped name would show the secret to everyone."""
    return [
        Error(
            f"The task {name} says that {dotted!r} is secret, but it takes no such argument.",
            hint="They are names of parameters, or dotted places in them such as customer.pin.",
            id="jobs.E001",
        )
        for name, task in catalog.tasks().items()
        for dotted in unknown_secret_arguments(task)
    ]
