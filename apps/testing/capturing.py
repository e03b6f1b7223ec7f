"""Keeping what is submitted and sent from leaving the test: no broker hears of it, and no Redis."""

import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from celery import current_app
from celery.backends.cache import CacheBackend
from django.utils import timezone
from kombu import Queue
from kombu.utils.functional import LRUCache
from kombu.utils.json import dumps, loads

from apps.jobs import progress, publishing
from apps.jobs.models import Job
from apps.jobs.routing import delivered_from
from apps.jobs.wire import message
from apps.running import steps

RESULTS_MOST = 100_000


@dataclass(frozen=True)
class Sent:
    """One message, as a worker would get it."""

    headers: dict[str, Any]
    args: list[Any]
    kwargs: dict[str, Any]
    links: dict[str, Any]
    queue: str
    at: datetime

    @property
    def id(self) -> str:
        return str(self.headers["id"])

    @property
    def task(self) -> str:
        return str(self.headers["task"])

    @classmethod
    def of_job(cls, job: Job) -> "Sent":
        found = message(job)
        args, kwargs, links = json.loads(found.body)
        return cls(found.headers, args, kwargs, links, job.queue, job.submitted_at)


class Captured:
    """Messages that Celery sent itself: plain `.delay()`, retries, the next steps of chains."""

    def __init__(self) -> None:
        self.sent: list[Sent] = []

    def take(self, _producer: Any, name: str, made: Any, **options: Any) -> None:
        """In place of `app.amqp.send_task_message`. What can't be sent as JSON raises as it does there."""
        headers = {**made.headers, **(options.get("headers") or {})}
        headers.setdefault("submitted_at", timezone.now().timestamp())
        args, kwargs, links = loads(dumps(made.body))
        self.sent.append(Sent(headers, args, kwargs, links, queue_of(options), timezone.now()))


def queue_of(options: dict[str, Any]) -> str:
    queue = options.get("queue")
    if queue is None:
        return str(delivered_from(str(options.get("routing_key"))).get("queue", ""))
    return str(queue.name if isinstance(queue, Queue) else queue)


@contextmanager
def capturing() -> Iterator[Captured]:
    """Nothing is published while this lasts; results are kept in memory."""
    app: Any = current_app._get_current_object()  # type: ignore[attr-defined] # noqa: SLF001
    captured = Captured()
    nobody = SimpleNamespace(waiting=SimpleNamespace(put=lambda _job: None))
    with ExitStack() as stack:
        for owner, name, value in (
            (app.amqp, "send_task_message", captured.take),
            (app, "_backend_cache", memory(app)),
            (publishing, "publisher", lambda: nobody),
            (progress, "current_job_id", lambda: None),  # progress is kept in Redis: it is told to nobody
            (steps, "why_stop", lambda _request: ""),  # pauses are, too
        ):
            stack.enter_context(patch.object(owner, name, value))
        yield captured


class Memory(CacheBackend):
    supports_failure_expires = True  # nothing here lives that long


def memory(app: Any) -> Memory:
    backend = Memory(app, backend="memory")
    backend.client.cache = LRUCache(limit=RESULTS_MOST)  # each test's own
    return backend
