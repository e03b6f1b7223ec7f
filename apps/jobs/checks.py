"""What `manage.py check` says about tasks. Imported when the apps are ready, which registers it."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Error, register

from apps.jobs import catalog
from apps.jobs.arguments import AnyTask, signature
from apps.jobs.errors import ArgumentError
from apps.jobs.orders import Order
from apps.jobs.redacting import unknown_secret_arguments
from apps.jobs.routers import UnusableRouter, router
from apps.jobs.uniqueness import unknown_names, written


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


@register
def routers_can_be_asked(**_: Any) -> list[CheckMessage]:
    found: list[CheckMessage] = []
    for dotted in settings.JOB_ROUTERS:
        try:
            router(dotted)
        except UnusableRouter as error:
            hint = (
                "JOB_ROUTERS takes dotted names, such as shop.routers.ByTenant; docs/routing.md tells more."
            )
            found.append(Error(f"The router {dotted} {error}.", hint=hint, id="jobs.E004"))
    return found


@register
def unique_keys_fit(**_: Any) -> list[CheckMessage]:
    """A mistyped argument would be refused at each submission."""
    return [error for task in catalog.tasks().values() for error in wrong_declaration(task)]


def wrong_declaration(task: AnyTask) -> list[CheckMessage]:
    options = written(task)
    try:
        order = Order.of(options)
    except ArgumentError as error:
        said = [f"{name}: {text}" for name, text in error.problems.items()]
        return [Error(f"The task {task.name} declares wrongly: {'; '.join(said)}.", id="jobs.E003")]
    return [
        Error(
            f"The task {task.name} has a unique key by {name!r}, but it takes no such argument.",
            hint=f"It takes {', '.join(signature(task).parameters) or 'none'}.",
            id="jobs.E002",
        )
        for name in unknown_names(task, order.unique_key or ())
    ]
