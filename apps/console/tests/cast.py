"""Odd tasks and made-up jobs for the console's tests."""

import enum
from typing import Any

from celery import current_app, shared_task
from django.http import QueryDict
from pydantic import BaseModel

from apps.jobs.arguments import AnyTask
from apps.jobs.models import Job
from apps.jobs.tests import making
from apps.taskforms.forms import ArgumentsForm

MODULE = "apps.console.tests.cast"
PAINT, ERRORS, SECRETIVE = f"{MODULE}.paint_task", f"{MODULE}.errors_task", f"{MODULE}.secretive_task"
RAN: list[Any] = []


class Colour(enum.Enum):
    RED = "r"
    DEEP_BLUE = "b"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Size(BaseModel):
    width: int
    height: int = 1


@shared_task
def paint_task(wall: str, coats: int = 2, colour: Colour = Colour.RED) -> str:
    """Paints a wall.

    It dries by itself.

    wall: which one
    coats: how many times
    """
    return f"{wall}: {coats}"


@shared_task
def errors_task(errors: int = 0, fields: str = "", items: list[str] | None = None) -> None:
    """Has arguments named like a form's own parts."""


@shared_task
def secretive_task(word: str = "open") -> None:
    """Runs without any argument, and leaves a trace."""
    RAN.append(word)


def form_of(run: Any, data: dict[str, Any] | None = None) -> ArgumentsForm:
    """The form of a function as a task that nobody else knows."""
    return ArgumentsForm(task_of(run), None if data is None else query(data))


def task_of(run: Any, **options: Any) -> AnyTask:
    """Registered for a moment only, so that no list of tasks ever shows it."""
    register: Any = current_app.task(name=f"{MODULE}.{run.__qualname__}", lazy=False, **options)
    task = register(run)
    found: AnyTask = current_app.tasks.pop(task.name)
    return found


def query(values: dict[str, Any]) -> QueryDict:
    found = QueryDict(mutable=True)
    for name, value in values.items():
        found.setlist(name, value if isinstance(value, list) else [value])
    return found


def job(state: str = "SUCCESS", **columns: Any) -> Job:
    """Of the paint task; else as `making.job` says."""
    return making.job(state, **{"task": PAINT, "kwargs": {"wall": "north"}, **columns})


def failure(message: str = "no paint", **columns: Any) -> Job:
    return making.failure(message, **{"task": PAINT, "kwargs": {"wall": "north"}, **columns})


def missing(page: str, *texts: str) -> list[str]:
    """Those texts that the page doesn't have."""
    return [text for text in texts if text not in page]
