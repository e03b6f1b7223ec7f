"""Odd tasks and made-up jobs for the console's tests."""

import enum
import json
from datetime import datetime, timedelta
from typing import Any

from celery import current_app, shared_task
from django.http import QueryDict
from django.utils import timezone
from django_celery_results.models import TaskResult
from pydantic import BaseModel

from apps.console.run.forms import ArgumentsForm
from apps.jobs.arguments import AnyTask
from apps.jobs.states import FINISHED

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


def job(state: str = "SUCCESS", **columns: Any) -> TaskResult:
    """A row as the mirror writes it; `created` and `done` are its moments."""
    created = columns.pop("created", timezone.now())
    done: datetime = columns.pop("done", created + timedelta(seconds=3))
    number = TaskResult.objects.count()
    row = TaskResult.objects.create(
        **{
            "task_id": f"job-{number}",
            "task_name": PAINT,
            "task_args": json.dumps("()"),
            "task_kwargs": json.dumps(repr({"wall": "north"})),
            "status": state,
            "result": "null",
            "content_type": "application/json",
            "content_encoding": "utf-8",
            **columns,
        }
    )
    started = created + timedelta(seconds=1) if state in {"STARTED", *FINISHED} else None
    TaskResult.objects.filter(pk=row.pk).update(date_created=created, date_started=started, date_done=done)
    row.refresh_from_db()
    return row


def failure(message: str = "no paint", **columns: Any) -> TaskResult:
    result = {"exc_type": "ValueError", "exc_message": [message], "exc_module": "builtins"}
    return job("FAILURE", result=json.dumps(result), **columns)


def missing(page: str, *texts: str) -> list[str]:
    """Those texts that the page doesn't have."""
    return [text for text in texts if text not in page]
