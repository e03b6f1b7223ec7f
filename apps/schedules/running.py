"""A schedule's job, now: with the arguments, the queue and the priority that beat would use."""

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db import transaction
from django.utils.timezone import now as current_time
from django_celery_beat.models import PeriodicTask

from apps.jobs import catalog
from apps.jobs.arguments import as_json
from apps.jobs.errors import ArgumentError
from apps.jobs.submitting import PRIORITY_DEFAULT, Order, Submission, note, send


def run_now(schedule: PeriodicTask) -> Submission:
    """Hands the schedule's job in; results and the schedule's page show it under its name.

    Raises ArgumentError, UnknownTask, and NotSubmitted when the broker is out of reach.
    """
    task = catalog.find(schedule.task)
    args, kwargs = loaded(schedule, "args", []), loaded(schedule, "kwargs", {})
    as_json(task, args, kwargs)  # only to check: they go out as the schedule has them, as beat sends them
    job = Submission(str(uuid4()), schedule.task, args, kwargs)
    options = order(schedule).options() | wire_options(schedule)
    with transaction.atomic():
        note(job)
        transaction.on_commit(lambda: send(task, job, options))
    return job


def order(schedule: PeriodicTask) -> Order:
    priority = PRIORITY_DEFAULT if schedule.priority is None else schedule.priority
    return Order(priority=priority, queue=schedule.queue or None)


def wire_options(schedule: PeriodicTask) -> dict[str, Any]:
    """What beat passes on besides queue and priority; the name in the headers reaches the results."""
    headers = {**loaded(schedule, "headers", {}), "periodic_task_name": schedule.name}
    own = {
        "exchange": schedule.exchange,
        "routing_key": schedule.routing_key,
        "expires": deadline(schedule),
    }
    return {"headers": headers, **{name: value for name, value in own.items() if value}}


def deadline(schedule: PeriodicTask) -> datetime | int | None:
    """The end of the whole schedule doesn't matter to a person who runs it after that."""
    if schedule.expires and schedule.expires > current_time():
        return schedule.expires  # type: ignore[no-any-return]
    return schedule.expire_seconds  # type: ignore[no-any-return]


def loaded(schedule: PeriodicTask, field: str, empty: Any) -> Any:
    """The JSON in a text field of beat's. Raises ArgumentError."""
    try:
        found = json.loads(getattr(schedule, field) or "null")
    except ValueError as error:
        raise ArgumentError({field: f"expected JSON: {error}"}) from error
    if found is None:
        return empty
    expected = Mapping if isinstance(empty, dict) else list
    if not isinstance(found, expected):
        raise ArgumentError(
            {field: "expected a JSON object" if expected is Mapping else "expected a JSON list"}
        )
    return found
