"""Jobs that are handed in when a batch has come so far; checked when it is opened."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypedDict

from django.utils import timezone

from apps.batches.models import Batch
from apps.jobs import Call, Job, catalog
from apps.jobs.arguments import AnyTask, as_json
from apps.jobs.errors import ArgumentError, JobError
from apps.jobs.orders import PRIORITY_DEFAULT, Order
from apps.jobs.redacting import redact
from apps.jobs.submitting import JobTaken, hand_in, prepared

logger = logging.getLogger(__name__)

ANY_ID = 1


@dataclass(frozen=True)
class Callback:
    """A job for when a batch has come so far. `batch` is the argument that gets the batch's id."""

    task: str | AnyTask
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    batch: str = "batch_id"
    priority: int = PRIORITY_DEFAULT
    queue: str | None = None


class Callbacks(TypedDict, total=False):
    """on_success: every member has succeeded. on_failure: the first one has failed, or expired.
    on_finished: all have ended, however."""

    on_success: Callback | str
    on_failure: Callback | str
    on_finished: Callback | str


def checked(callbacks: Mapping[str, Any]) -> dict[str, Any]:
    """As a batch keeps them. Raises ArgumentError with `on_success.kwargs.name`."""
    problems: dict[str, str] = {}
    found: dict[str, Any] = {}
    for name, given in callbacks.items():
        if name not in Callbacks.__annotations__:
            problems[name] = f"expected one of {', '.join(Callbacks.__annotations__)}"
        elif given is not None:
            try:
                found[name] = kept(given if isinstance(given, Callback) else Callback(given))
            except ArgumentError as error:
                problems |= {f"{name}.{place}".rstrip("."): text for place, text in error.problems.items()}
    if problems:
        raise ArgumentError(problems)
    return found


def kept(callback: Callback) -> dict[str, Any]:
    try:
        task = catalog.find(callback.task)
    except JobError as error:
        raise ArgumentError({"task": str(error)}) from None
    if not isinstance(callback.batch, str) or not isinstance(callback.kwargs, Mapping):
        raise ArgumentError({"": "expected kwargs as a dict and batch as an argument's name"})
    if callback.batch in callback.kwargs:
        raise ArgumentError({f"kwargs.{callback.batch}": "expected to be left out: it gets the batch's id"})
    options = {"priority": callback.priority, "queue": callback.queue}
    Order.of(options)
    _, kwargs = as_json(task, [], {**callback.kwargs, callback.batch: ANY_ID})
    if secrets := redact(task, [], kwargs).names:
        raise ArgumentError(dict.fromkeys(secrets, "expected no secret: a batch keeps its callbacks"))
    del kwargs[callback.batch]
    return {"task": task.name, "kwargs": dict(kwargs), "batch": callback.batch, "options": options}


def call(batch: Batch, name: str) -> None:
    """Hands the callback in, if there is one, in the caller's transaction, with an id for each round."""
    asked = batch.callbacks.get(name)
    if asked is None:
        return
    try:
        job = made(catalog.find(asked["task"]), batch, name, asked["options"])
    except JobError:  # the code has changed, or this process has another: what becomes of the job tells
        job = made(catalog.foreign(asked["task"]), batch, name, {})
    try:
        hand_in([job])
    except JobTaken:
        logger.warning("batch %s has called %s already", batch.pk, job.id)


def made(task: AnyTask, batch: Batch, name: str, options: dict[str, Any]) -> Job:
    asked = batch.callbacks[name]
    call = Call((), {**asked["kwargs"], asked["batch"]: batch.pk})
    job_id = f"batch-{batch.pk}-{name}-{batch.round}"
    return prepared(task, call, Order.of({**options, "id": job_id}), timezone.now())
