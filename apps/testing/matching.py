"""Whether a job was called with these arguments, as far as they are given."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from celery import current_app
from django.utils.dateparse import parse_datetime
from pydantic import ValidationError

from apps.jobs import catalog
from apps.jobs.arguments import AnyTask, converted, signature, stranger
from apps.jobs.models import Job
from apps.testing.capturing import Sent


@dataclass(frozen=True)
class Submitted:
    """A job that was handed in. `arguments` are by name, defaults included, as the JSON that was sent.

    `job` is its row in the ledger; None while Celery's own `.delay()` has not run.
    """

    id: str
    task: str
    arguments: dict[str, Any]
    queue: str
    at: datetime
    eta: datetime | None = None
    job: Job | None = field(default=None, compare=False, repr=False)

    def __str__(self) -> str:
        said = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.task}({said})" + (f" not before {self.eta}" if self.eta else "")

    @classmethod
    def of(cls, sent: Sent, job: Job | None = None) -> "Submitted":
        eta = sent.headers.get("eta")
        arguments = by_name(sent.task, sent.args, sent.kwargs)
        when = parse_datetime(eta) if isinstance(eta, str) else eta
        return cls(sent.id, sent.task, arguments, sent.queue, sent.at, when, job)

    @classmethod
    def of_row(cls, job: Job) -> "Submitted":
        arguments = by_name(job.task, job.args or [], job.kwargs or {})
        return cls(job.id, job.task, arguments, job.queue, job.submitted_at, job.eta, job)


def by_name(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
    task = current_app.tasks.get(name)
    if task is None:
        return {f"*{place}": value for place, value in enumerate(args)} | dict(kwargs)
    known = signature(task)
    left_out = {name: found.default for name, found in known.parameters.items() if not found.required}
    return left_out | dict(known.named(args, kwargs))


def wanted(task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    """The task's name, and the JSON of the arguments. Raises UnknownTask, and TypeError."""
    found = catalog.find(task)
    known = signature(found)
    for name in kwargs:
        if name not in known.parameters and not known.others:
            raise TypeError(f"{found.name}: {name}: {stranger(name, known)}")
    if len(args) > len(known.places) and known.more is None:
        raise TypeError(f"{found.name} takes {len(known.places)} arguments by place, got {len(args)}")
    return found.name, {name: as_sent(found, name, value) for name, value in known.named(args, kwargs)}


def as_sent(task: AnyTask, name: str, value: Any) -> Any:
    """What doesn't fit the parameter, such as `mock.ANY`, is compared as it is."""
    parameter = signature(task).parameters.get(name)
    try:
        return converted(parameter, value, json=True) if parameter else value
    except ValidationError:
        return value


def matches(found: Submitted, task: str, expected: Mapping[str, Any]) -> bool:
    missing = object()
    pairs = ((value, found.arguments.get(name, missing)) for name, value in expected.items())
    return found.task == task and all(value == got for value, got in pairs)
