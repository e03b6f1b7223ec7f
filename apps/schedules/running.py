"""A schedule's job, now: with the arguments, the queue and the priority that beat would use."""

import hashlib
import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any, Unpack

from celery import current_app
from django.conf import settings
from django.utils.timezone import now as current_time
from django_celery_beat.models import PeriodicTask

from apps.jobs import Call, Job, catalog, submit
from apps.jobs.errors import ArgumentError
from apps.jobs.orders import LONGEST, Options
from apps.jobs.states import Source
from apps.jobs.submitting import order_of, prepared


def run_now(schedule: PeriodicTask, call: Call | None = None, /, **how: Unpack[Options]) -> Job:
    """Submits the schedule's job; results and the schedule's page show it under its name.

    `call` takes the place of its own arguments. Raises ArgumentError and UnknownTask.
    """
    asked: Options = {**options(schedule), **how}
    given = call or stored_call(schedule)
    return submit(schedule.task, args=given.args, kwargs=given.kwargs, **asked)


def prepare(schedule: PeriodicTask, due_at: datetime, jitter_seconds: int = 0) -> Job:
    """The job of one due time, not handed in yet; up to `jitter_seconds` later than then, unless its task
    declares `debounce`, which says by itself when the job starts.

    Its headers tell the intended time, and the task's `request.scheduled_for` too. Raises ArgumentError
    and UnknownTask.
    """
    asked = options(schedule)
    asked["headers"] = {**asked["headers"], "scheduled_for": due_at.isoformat(), "celery_beat_task": True}
    asked["source"] = Source.SCHEDULE
    task = current_app.tasks.get(schedule.task) or catalog.find(schedule.task)  # Celery's own, too
    if jitter_seconds and getattr(task, "debounce", None) is None:
        asked["eta"] = due_at + jitter(schedule.pk, due_at, jitter_seconds)
    return prepared(task, stored_call(schedule), order_of(task, asked), current_time())


def stored_call(schedule: PeriodicTask) -> Call:
    """The schedule's own arguments. Raises ArgumentError where they are not the JSON they should be."""
    return Call(loaded(schedule, "args", []), loaded(schedule, "kwargs", {}))


def jitter(schedule_id: int, due_at: datetime, most_seconds: int) -> timedelta:
    """Always the same for one due time, and spread evenly over many."""
    digest = hashlib.blake2b(f"{schedule_id} {due_at.timestamp()}".encode(), digest_size=8).digest()
    return timedelta(seconds=int.from_bytes(digest) % (most_seconds + 1))


def options(schedule: PeriodicTask) -> Options:
    """All that beat passes on, as far as the schedule has it."""
    found: Options = {"schedule": schedule.name, "headers": loaded(schedule, "headers", {})}
    if schedule.priority is not None:
        found["priority"] = schedule.priority
    if queue := queue_of(schedule):
        found["queue"] = queue
    if time := time_left(schedule):
        found["expires"] = min(time, LONGEST)
    return found


def queue_of(schedule: PeriodicTask) -> str | None:
    """As with beat, an exchange or a routing key wins over the queue; here they have to be a queue's."""
    exchange, key = schedule.exchange, schedule.routing_key
    if not exchange and not key:
        return schedule.queue or None
    for queue in settings.CELERY_TASK_QUEUES:
        if key == queue.routing_key and exchange in {None, "", queue.exchange.name}:
            return str(queue.name)
    keys = ", ".join(queue.routing_key for queue in settings.CELERY_TASK_QUEUES)
    raise ArgumentError({"routing_key": f"expected that of a queue ({keys}) on its exchange, "
                                        f"got {key!r} on {exchange or 'the default'!r}"})  # fmt: skip


def time_left(schedule: PeriodicTask) -> timedelta | None:
    """The end of the whole schedule doesn't matter to a person who runs it after that."""
    if schedule.expires and schedule.expires > (now := current_time()):
        return schedule.expires - now  # type: ignore[no-any-return]
    return timedelta(seconds=schedule.expire_seconds) if schedule.expire_seconds else None


def loaded(schedule: PeriodicTask, field: str, empty: Any) -> Any:
    """The JSON in a text field of beat's. Raises ArgumentError."""
    try:
        found = json.loads(getattr(schedule, field) or "null")
    except (ValueError, RecursionError) as error:
        raise ArgumentError({field: f"expected JSON: {error}"}) from error
    if found is None:
        return empty
    expected = Mapping if isinstance(empty, dict) else list
    if not isinstance(found, expected):
        raise ArgumentError(
            {field: "expected a JSON object" if expected is Mapping else "expected a JSON list"}
        )
    return found
