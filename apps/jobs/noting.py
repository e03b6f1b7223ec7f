"""What publishers tell the ledger through the stream: a plain `.delay()`, and that a job was published."""

import logging
import time
from collections.abc import Iterable
from typing import Any

from celery import current_app, current_task
from celery.app.task import Context
from celery.signals import after_task_publish, before_task_publish
from django.conf import settings

from apps.jobs.backends import ledger_backend
from apps.jobs.orders import PRIORITY_DEFAULT
from apps.jobs.redacting import redact, reprs
from apps.jobs.state import redis_error
from apps.jobs.stream import documents
from apps.jobs.stream.names import STREAM
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.wire import wire_priority

logger = logging.getLogger(__name__)

SILENT_SECONDS = 5.0
_silent_until = [0.0]


def note_published(job_ids: Iterable[str]) -> bool:
    """Says that the broker has confirmed these jobs. False when Redis can't be told."""
    return append([{"kind": "published", "id": job_id, "doc": ""} for job_id in job_ids])


@before_task_publish.connect(dispatch_uid="jobs.stamp")
def stamp(headers: Any = None, body: Any = None, properties: Any = None, **_: Any) -> None:
    """Writes the time of submission into a message that has none, and hides secrets from its logs.

    Its priority becomes the broker's. Of a retry, or a job that sends itself again, it is that already.
    """
    if not isinstance(headers, dict) or "submitted_at" in headers or "id" not in headers:
        return
    headers["submitted_at"] = time.time()
    if isinstance(properties, dict) and (not is_further(headers) or is_replacement(headers)):
        given = properties.get("priority")
        properties["priority"] = wire_priority(PRIORITY_DEFAULT if given is None else given)
    task = current_app.tasks.get(headers.get("task", ""))
    if task is None or not isinstance(body, tuple | list):
        return
    shown = redact(task, body[0], body[1])
    if shown.names:
        headers["argsrepr"], headers["kwargsrepr"] = reprs(shown)
        headers["redacted"] = list(shown.names)


@after_task_publish.connect(dispatch_uid="jobs.note")
def note_submitted(
    headers: Any = None, body: Any = None, routing_key: str = "", exchange: Any = "", **_: Any
) -> None:
    """A plain `.delay()` has been published: the ledger learns of a job that nobody wrote down."""
    note_next(headers)
    if not isinstance(headers, dict) or not isinstance(body, tuple | list) or is_known(headers):
        return
    if ledger_backend(current_app) is None:
        return
    request = Context(headers, args=body[0], kwargs=body[1])
    found = {
        "name": headers.get("task"),
        "queue": queue_of(routing_key),
        "submitted_at": headers["submitted_at"],
        "eta": headers.get("eta"),
        "expires": headers.get("expires"),
        **documents.family(request),
        **documents.shown(documents.call_of(request)),
    }
    append([{"kind": "submitted", "id": str(headers["id"]), "doc": documents.ledger_document(found)}])


def note_next(headers: Any) -> None:
    """The running job has sent its next try: this try's outcome will tell when that is due."""
    if isinstance(headers, dict) and current_task and current_task.request.id == headers.get("id"):
        current_task.request.update(next_eta=headers.get("eta"))


def is_known(headers: dict[str, Any]) -> bool:
    """Whether this is a further message of a job: a retry, or one that sent itself again."""
    return "submitted_at" not in headers or is_further(headers)


def is_further(headers: dict[str, Any]) -> bool:
    sends_itself = current_task and current_task.request.id == headers.get("id")
    return bool(headers.get("retries") or sends_itself)


def is_replacement(headers: dict[str, Any]) -> bool:
    """Whether the running job sends another task in its place. A retry of that is as deep as itself."""
    depth: int = (current_task and current_task.request.replaced_task_nesting) or 0
    return int(headers.get("replaced_task_nesting") or 0) > depth


def queue_of(routing_key: str) -> str:
    """Without the delay that native delayed delivery puts before it."""
    return routing_key.rpartition(".")[2]


def append(entries: list[dict[Any, Any]]) -> bool:
    """Appends to the stream; after a failure it does not try for a while, so that nobody waits."""
    if not entries:
        return True
    if time.monotonic() < _silent_until[0]:
        return False
    try:
        with stream_redis().pipeline(transaction=False) as pipe:
            for entry in entries:
                pipe.xadd(STREAM, entry, maxlen=settings.LEDGER_STREAM_MAX, approximate=True)
            pipe.execute()
    except redis_error() as error:
        _silent_until[0] = time.monotonic() + SILENT_SECONDS
        logger.warning("the ledger's stream can't be reached: %s", error)
        return False
    return True
