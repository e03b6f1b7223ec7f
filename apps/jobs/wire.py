"""A job as a message: Celery's protocol 2 (https://docs.celeryq.dev/en/stable/internals/protocol.html)."""

import json
import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from celery import current_app
from celery.utils.nodenames import anon_nodename
from django.conf import settings
from django.utils import timezone
from kombu.transport.native_delayed_delivery import MAX_LEVEL, calculate_routing_key, level_name

from apps.jobs.arguments import AnyTask, Arguments
from apps.jobs.models import Job
from apps.jobs.redacting import Redacted, reprs
from apps.jobs.routing import lane_of, notice, route

PERSISTENT = 2
NO_LINKS = {"callbacks": None, "errbacks": None, "chain": None, "chord": None}


@dataclass(frozen=True)
class Message:
    """`headers`, `properties` and `body` as they go to the broker."""

    id: str
    exchange: str
    routing_key: str
    headers: dict[str, Any]
    properties: dict[str, Any]
    body: str
    mandatory: bool = True  # whether a queue has to take it


def outbox(job: Job, args: Any, kwargs: Any, headers: dict[str, Any]) -> dict[str, Any]:
    """What publishing takes beside the job's own columns: the real arguments where those are redacted."""
    found: dict[str, Any] = {}
    if job.redacted:
        found |= {"args": args, "kwargs": kwargs}
    if headers:
        found["headers"] = headers
    return found


def notice_of(job: Job, task: AnyTask, arguments: Arguments) -> dict[str, Any]:
    """What the outbox says of a notice in its lane; one that was sent elsewhere is like any other job."""
    marks = notice(task, *arguments)
    return {"notice": marks} if marks and lane_of(marks) == job.queue else {}


def relay_at(job: Job) -> datetime:
    """When a recorder publishes the job: soon, in case nobody else does, or shortly before its time.

    A long delay waits in PostgreSQL, where it can be seen and cancelled, and not in the broker.
    """
    soon = job.submitted_at + timedelta(seconds=settings.RELAY_GRACE_SECONDS)
    if job.eta is None:
        return soon
    return max(soon, job.eta - timedelta(seconds=settings.BROKER_DELAY_MAX_SECONDS))


def is_for_now(job: Job) -> bool:
    """Whether the process that submits the job publishes it too."""
    return job.eta is None or seconds_until(job.eta) <= settings.BROKER_DELAY_MAX_SECONDS


def message(job: Job) -> Message:
    """The message of a job whose `outbox` is still there."""
    held: dict[str, Any] = job.outbox or {}
    args, kwargs = held.get("args", job.args), held.get("kwargs", job.kwargs)
    exchange, key = settings.CELERY_TASK_DEFAULT_EXCHANGE, routing_keys()[job.queue]
    delay = seconds_until(job.eta)
    marks = held.get("notice", {}) if settings.NOTICES_EXCHANGE and not delay else {}
    if marks:  # the key is for its retries, which know no headers
        exchange = settings.NOTICES_EXCHANGE
    elif delay and native_delays():
        exchange, key = level_name(MAX_LEVEL), calculate_routing_key(delay, key)
    return Message(
        id=job.id,
        exchange=exchange,
        routing_key=key,
        headers=headers(job) | held.get("headers", {}) | marks,
        properties={
            "correlation_id": job.id,
            "priority": wire_priority(job.priority),
            "delivery_mode": PERSISTENT,
        },
        body=json.dumps([args, kwargs, NO_LINKS | {"chain": held.get("chain")}]),
    )


def headers(job: Job) -> dict[str, Any]:
    """Without those that say nothing: a worker takes them for None, and each costs time on both ends."""
    argsrepr, kwargsrepr = reprs(Redacted(job.args or [], job.kwargs or {}, tuple(job.redacted)))
    found = {
        "eta": job.eta.isoformat() if job.eta else None,
        "expires": job.expires_at.isoformat() if job.expires_at else None,
        "group": job.group,
        "parent_id": job.parent,
        "ignore_result": ignores_result(job.task) or None,
        "periodic_task_name": job.schedule or None,
        "redacted": job.redacted or None,
    }
    return {
        "lang": "py",
        "task": job.task,
        "id": job.id,
        "root_id": job.root or job.id,
        "retries": 0,
        "argsrepr": argsrepr,
        "kwargsrepr": kwargsrepr,
        "origin": origin(),
        "submitted_at": job.submitted_at.timestamp(),
        **{name: value for name, value in found.items() if value is not None},
    }


def seconds_until(moment: datetime | None) -> int:
    """Whole seconds, rounded up; 0 when it has passed."""
    return max(0, math.ceil((moment - timezone.now()).total_seconds())) if moment else 0


def queue_for(task: AnyTask, args: Any, kwargs: Any, options: dict[str, Any]) -> str:
    """The name of the queue that a job with these options goes to."""
    found = route(task.name, args, kwargs, options, task)
    return str(found.get("queue") or options["queue"])


def wire_priority(priority: int | None) -> int | None:
    """Ours has 0 first; RabbitMQ has the highest number first, the Redis transport 0."""
    if priority is None or not native_delays():
        return priority
    return 9 - priority


def native_delays() -> bool:
    """Whether the broker keeps delayed messages itself, as RabbitMQ does."""
    return bool(settings.PUBLISH_OPTIONS)


def ignores_result(task: str) -> bool:
    found = current_app.tasks.get(task)
    return bool(found.ignore_result) if found else False


@cache
def routing_keys() -> dict[str, str]:
    return {queue.name: queue.routing_key for queue in settings.CELERY_TASK_QUEUES}


@cache
def origin() -> str:
    return str(anon_nodename())
