"""Which tasks exist."""

import difflib
import inspect
from functools import cache
from typing import Any

from celery import current_app
from django.conf import settings

from apps.jobs.arguments import AnyTask
from apps.jobs.errors import UnknownTask

NAME_LENGTH = 255


def tasks() -> dict[str, AnyTask]:
    """Every task that a team registered, by name; Celery's own are left out."""
    return {name: task for name, task in sorted(current_app.tasks.items()) if not name.startswith("celery.")}


def find(task: str | AnyTask) -> AnyTask:
    """The task of that name. Raises UnknownTask with the nearest known name, unless TASK_STRICT is off."""
    name = task if isinstance(task, str) else getattr(task, "name", None)
    if not isinstance(name, str):
        raise UnknownTask(f"expected a task or its name, got {type(task).__name__}")
    if name in current_app.tasks and not name.startswith("celery."):
        return current_app.tasks[name]
    asked = name[:NAME_LENGTH]
    if not settings.TASK_STRICT:
        return foreign(asked)
    near = difflib.get_close_matches(asked, tasks(), n=1)
    raise UnknownTask(f"no task is named {asked!r}" + (f"; did you mean {near[0]!r}?" if near else ""))


@cache
def foreign(name: str) -> AnyTask:
    """A task that only workers elsewhere know: it takes whatever JSON it is given."""

    def run(self: AnyTask, *args: Any, **kwargs: Any) -> None:
        raise UnknownTask(f"no task is named {name!r} here")

    made: AnyTask = type("ForeignTask", (current_app.Task,), {"name": name, "run": run})()
    return made


def title(name: str) -> str:
    """`apps.email.tasks.send_email_task` is "Send email"."""
    return name.rpartition(".")[2].removesuffix("_task").replace("_", " ").capitalize()


def family(name: str) -> str:
    """The app a task belongs to: `email` for `apps.email.tasks.send_email_task`."""
    path = name.removeprefix("apps.").split(".")
    return path[0] if len(path) > 1 else ""


def description(task: AnyTask) -> str:
    return inspect.getdoc(inspect.unwrap(task.run)) or ""
