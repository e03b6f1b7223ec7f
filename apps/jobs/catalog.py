"""Which tasks exist."""

import difflib
import inspect

from celery import current_app

from apps.jobs.arguments import AnyTask
from apps.jobs.errors import UnknownTask


def tasks() -> dict[str, AnyTask]:
    """Every task that a team registered, by name; Celery's own are left out."""
    return {name: task for name, task in sorted(current_app.tasks.items()) if not name.startswith("celery.")}


def find(name: str) -> AnyTask:
    """The task of that name. Raises UnknownTask with the nearest known name."""
    known = tasks()
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        raise UnknownTask(f"no task is named {name!r}" + (f"; did you mean {near[0]!r}?" if near else ""))
    return known[name]


def title(name: str) -> str:
    """`apps.email.tasks.send_email_task` is "Send email"."""
    return name.rpartition(".")[2].removesuffix("_task").replace("_", " ").capitalize()


def family(name: str) -> str:
    """The app a task belongs to: `email` for `apps.email.tasks.send_email_task`."""
    path = name.removeprefix("apps.").split(".")
    return path[0] if len(path) > 1 else ""


def description(task: AnyTask) -> str:
    return inspect.getdoc(inspect.unwrap(task.run)) or ""
