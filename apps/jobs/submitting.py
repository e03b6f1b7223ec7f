"""The front door: a job is checked, noted and sent once the caller's transaction has committed."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

from amqp.exceptions import AMQPError
from django.conf import settings
from django.db import transaction
from django_celery_results.models import TaskResult
from kombu.exceptions import OperationalError

from apps.jobs import catalog
from apps.jobs.arguments import AnyTask, as_json
from apps.jobs.errors import ArgumentError, NotSubmitted
from apps.jobs.states import State

PRIORITY_DEFAULT, PRIORITY_LOWEST = 5, 9


@dataclass(frozen=True)
class Order:
    """How to run a job: `priority` 0 (first) to 9, `delay` before it may start, `queue` by name."""

    priority: int = PRIORITY_DEFAULT
    delay: timedelta = timedelta(0)
    queue: str | None = None

    def __post_init__(self) -> None:
        problems = {}
        if not 0 <= self.priority <= PRIORITY_LOWEST:
            problems["priority"] = f"expected 0 (first) to 9, got {self.priority}"
        if not timedelta(0) <= self.delay <= timedelta(days=30):
            problems["delay"] = f"expected 0 s to 30 days, got {self.delay}"
        names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
        if self.queue is not None and self.queue not in names:
            problems["queue"] = f"expected one of {', '.join(names)}, got {self.queue!r}"
        if problems:
            raise ArgumentError(problems)

    def options(self) -> dict[str, Any]:
        chosen = {"queue": self.queue, "countdown": self.delay.total_seconds() or None}
        return {
            "priority": self.priority,
            **{name: value for name, value in chosen.items() if value},
        }


@dataclass(frozen=True)
class Submission:
    """A job that was handed in: `id` is Celery's task id."""

    id: str
    task: str
    args: list[Any] = field(default_factory=list)
    kwargs: dict[str, Any] = field(default_factory=dict)


def submit(
    task: str | AnyTask,
    *,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    order: Order | None = None,
) -> Submission:
    """Hands a job in: it is sent when the caller's transaction commits, or never.

    Raises UnknownTask, ArgumentError (its `problems` name each bad argument), and NotSubmitted
    when the broker is out of reach, which outside a transaction is at once.
    """
    found = catalog.find(task if isinstance(task, str) else str(task.name))
    plain_args, plain_kwargs = as_json(found, args, kwargs or {})
    job = Submission(str(uuid4()), str(found.name), plain_args, plain_kwargs)
    options = (order or Order()).options()
    with transaction.atomic():
        note(job)
        transaction.on_commit(lambda: send(found, job, options))
    return job


def note(job: Submission) -> None:
    """The job's row, so that it can be seen while it waits."""
    TaskResult.objects.create(
        task_id=job.id,
        task_name=job.task,
        task_args=json.dumps(repr(tuple(job.args))),
        task_kwargs=json.dumps(repr(job.kwargs)),
        status=State.PENDING,
        content_type="application/json",
        content_encoding="utf-8",
        result="null",
    )


def send(task: AnyTask, job: Submission, options: dict[str, Any]) -> None:
    try:
        task.apply_async(tuple(job.args), job.kwargs, task_id=job.id, **options)
    except (OperationalError, AMQPError, OSError) as error:
        TaskResult.objects.filter(task_id=job.id, status=State.PENDING).delete()
        raise NotSubmitted(f"the broker did not take the job: {error}") from error
