"""Keeping a job that must wait: its message in PostgreSQL, whence the gate sends it on."""

import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db import DatabaseError, connection
from kombu.utils.json import dumps

from apps.gate.desired import Stop
from apps.gate.permits import COUNTED_SECONDS, WAKE, Permit, Refusal, waiting_key
from apps.jobs.backends import ledger_backend
from apps.jobs.errors import Snooze
from apps.jobs.models.hold import LINE_LENGTH
from apps.jobs.routing import queue_of_delivery
from apps.jobs.state import redis_error, state_redis
from apps.jobs.wire import PERSISTENT, Message, routing_keys

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 10  # until a job that can't be kept now asks again
# What a message of Celery's says in its headers, beside those of its sender.
HEADERS = (
    "lang", "task", "id", "shadow", "expires", "group", "group_index", "retries", "timelimit", "root_id",
    "parent_id", "argsrepr", "kwargsrepr", "origin", "ignore_result", "replaced_task_nesting",
    "stamped_headers", "stamps",
)  # fmt: skip
LINKS = ("callbacks", "errbacks", "chain", "chord")

# Within a share turns go up; a share that is new in the line comes in at its head.
TURN = """1 + greatest(
    coalesce((SELECT max(turn) FROM jobs_hold WHERE line = %(line)s AND share = %(share)s), 0),
    coalesce((SELECT min(turn) FROM jobs_hold WHERE line = %(line)s) - 1, 0))"""
UNTIL = "clock_timestamp() + %(seconds)s * interval '1 second'"
KEEP = f"""
INSERT INTO jobs_hold (job_id, task, queue, line, share, turn, why, held_at, until, permits, message)
SELECT %(job)s, %(task)s, %(queue)s, %(line)s, %(share)s, {TURN}, %(why)s, clock_timestamp(), {UNTIL},
    %(permits)s, %(message)s
ON CONFLICT (job_id) DO UPDATE SET line = excluded.line, share = excluded.share, why = excluded.why,
    held_at = excluded.held_at, until = excluded.until, permits = excluded.permits, message = excluded.message
"""
MOVE = f"""
UPDATE jobs_hold SET line = %(line)s, share = %(share)s, turn = {TURN}, why = %(why)s, until = {UNTIL}
WHERE job_id = %(job)s
"""  # noqa: S608


@dataclass(frozen=True)
class Reason:
    """`line` is what the job waits for, `seconds` for about how long if anybody knows."""

    line: str
    why: str
    share: str = ""
    seconds: float | None = None

    @classmethod
    def of_stop(cls, stop: Stop) -> "Reason":
        seconds = stop.until - time.time() if stop.until else None
        return cls(stop.line, f"paused: {stop.what} {stop.name}".rstrip(), seconds=seconds)

    @classmethod
    def of_refusal(cls, refusal: Refusal) -> "Reason":
        permit = refusal.permit
        return cls(permit.line, permit.words, permit.share, refusal.seconds or None)


def keep(task: Any, request: Any, reason: Reason, asked: Sequence[Permit]) -> bool:
    """True once the message is kept; False for a job that must not run anyway. The ledger hears of it.

    Where PostgreSQL is away the message is sent again for a little later, and asks again. Raises Ignore then.
    """
    backend = ledger_backend(task)
    if backend is None or backend.hold(request, reason.seconds) != "held":
        return False
    try:
        write(request, reason, asked)
    except (DatabaseError, LookupError) as error:
        logger.warning("%s[%s] can't be kept: %s", task.name, request.id, error)
        connection.close()
        raise task.sleep(Snooze(AGAIN_SECONDS, reason.why)) from error
    logger.info("%s[%s] is held: %s", task.name, request.id, reason.why)
    count_waiting(reason.line)
    return True


def write(request: Any, reason: Reason, asked: Sequence[Permit]) -> None:
    """Raises the database's errors, and LookupError for a message of an unknown queue."""
    values = {
        "job": request.id,
        "task": request.task,
        "queue": queue_of_delivery(request.delivery_info or {}),
        "line": reason.line[:LINE_LENGTH],
        "share": reason.share,
        "why": reason.why,
        "seconds": reason.seconds,
        "permits": dumps([asdict(permit) for permit in asked]),
        "message": dumps(asdict(message_of(request))),
    }
    with connection.cursor() as cursor:
        cursor.execute(KEEP, values)


def move(job_id: str, reason: Reason) -> None:
    """The job, which is kept already, waits for something else now."""
    values = {"job": job_id, "line": reason.line[:LINE_LENGTH], "share": reason.share, "why": reason.why}
    with connection.cursor() as cursor:
        cursor.execute(MOVE, values | {"seconds": reason.seconds})


def message_of(request: Any) -> Message:
    """The job's message as it came, for its queue. Raises LookupError."""
    delivery = request.delivery_info or {}
    found = {name: request.get(name) for name in HEADERS}
    own = {name: value for name, value in found.items() if value is not None}
    links = {name: request.get(name) for name in LINKS}
    return Message(
        id=request.id,
        exchange=settings.CELERY_TASK_DEFAULT_EXCHANGE,
        routing_key=routing_keys()[queue_of_delivery(delivery)],
        headers=dict(request.headers or {}) | own,
        properties={
            "correlation_id": request.id,
            "reply_to": request.reply_to,
            "priority": delivery.get("priority"),
            "delivery_mode": PERSISTENT,
        },
        body=dumps([request.args, request.kwargs, links]),
    )


def count_waiting(line: str) -> None:
    """So that nobody who comes later goes first. The gate's round counts them anew."""
    try:
        with state_redis().pipeline(transaction=False) as pipe:
            pipe.incr(waiting_key(line))
            pipe.expire(waiting_key(line), COUNTED_SECONDS)
            pipe.rpush(WAKE, 1)
            pipe.ltrim(WAKE, 0, 0)
            pipe.execute()
    except redis_error() as error:
        logger.debug("not counted: %s", error)
