"""What an entry of the stream says of a job: Celery's own result document, and what it leaves out.

Both Redis and PostgreSQL read it, so it is plain JSON: no NUL, no lone surrogates, no NaN.
"""

import json
import math
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from celery import current_app
from celery.app.task import Context
from django.conf import settings
from kombu.utils.json import dumps

from apps.jobs.redacting import Redacted, redact, reprs, scrub, secret_values
from apps.jobs.states import FINISHED, Reason

# What JSON text may hold and PostgreSQL's jsonb may not. False alarms only cost a second look.
SUSPECTS = ("\\u0000", "\\ud", "NaN", "Infinity")
NOTHING = Redacted((), {}, ())
NO_DELIVERY: dict[str, Any] = {}

REASONS = {
    "ArgumentError": Reason.ARGUMENTS,
    "TimeLimitExceeded": Reason.TIME_LIMIT,
    "SoftTimeLimitExceeded": Reason.TIME_LIMIT,
    "WorkerLostError": Reason.WORKER_LOST,
    "DeliveryLimitReached": Reason.DELIVERY_LIMIT,
    "UnknownTask": Reason.UNKNOWN_TASK,
    "NotRegistered": Reason.UNKNOWN_TASK,
    "Unreadable": Reason.UNREADABLE,
    "Unrouted": Reason.UNROUTED,
    "Reject": Reason.REJECTED,
    "Rejected": Reason.REJECTED,
}
EXPIRED_WORD = "expired"  # as Celery says it
UNSUCCESSFUL = frozenset({"FAILURE", "RETRY", "REVOKED"})
ERROR_LENGTH = 1000
to_json = json.JSONEncoder(default=str, check_circular=False).encode


@dataclass(frozen=True)
class Outcome:
    """What Celery hands its result backend."""

    task_id: str
    state: str
    result: Any
    traceback: str | None = None


def started(request: Any, instance: str) -> str:
    """Of a try that begins."""
    process = {"pid": os.getpid(), "hostname": request.hostname}
    outcome = Outcome(request.id, "STARTED", process)
    return ledger_document(described(outcome, request, call_of(request), instance))


def held(request: Any, seconds: float | None) -> str:
    """Of a job that has to wait before it may begin."""
    call = call_of(request)
    found = {
        "name": request.get("task"),
        "queue": (request.delivery_info or NO_DELIVERY).get("routing_key"),
        "seconds": seconds,
        **arguments_of(request, call),
    }
    if call.names:
        found["redacted"] = list(call.names)
    return ledger_document(found | family(request))


def finished(outcome: Outcome, request: Any, instance: str | None) -> dict[str, Any]:
    """Of an outcome, whoever knows of it: the try itself, its worker, or the recorder (`instance` None)."""
    if request is None:
        request = Context(id=outcome.task_id)
    call = call_of(request)
    found = described(outcome, request, call, instance) | error_of(outcome.state, outcome.result)
    found["reason"] = reason_of(outcome.state, outcome.result)
    if outcome.state == "RETRY":
        found["eta"] = request.get("next_eta")
    return hidden(found, request, call) if call.names else found


def described(outcome: Outcome, request: Any, call: Redacted, instance: str | None) -> dict[str, Any]:
    """Celery's own document (`_get_result_meta` with `result_extended`), then what the ledger needs beside.

    The order matters to nobody, the names do: AsyncResult reads them.
    """
    found = {
        "status": outcome.state,
        "result": outcome.result,
        "traceback": outcome.traceback,
        "children": [child.as_tuple() for child in request.children],
        "date_done": datetime.now(UTC).isoformat() if outcome.state in FINISHED else None,
        "name": request.get("task"),
        "worker": request.hostname,
        "retries": request.retries,
        "queue": (request.delivery_info or NO_DELIVERY).get("routing_key"),
        "task_id": outcome.task_id,
        "instance": instance,
        **arguments_of(request, call),
    }
    if call.names:
        found["redacted"] = list(call.names)
    if request.stamps:
        found["stamped_headers"] = request.stamped_headers
        found |= {
            name: mark for name, mark in request.stamps.items() if name in (request.stamped_headers or ())
        }
    if meta := request.get("meta"):  # what a task wants to see in TaskResult.meta
        found["meta"] = json.dumps({**meta, "children": found["children"]}, default=str)
    elif found["children"]:
        found["meta"] = json.dumps({"children": found["children"]})
    return found | family(request)


def arguments_of(request: Any, call: Redacted) -> dict[str, Any]:
    """Nothing of a job that is known by its id alone: no arguments would be a statement, too."""
    found: dict[str, Any] = {}
    if request.args is not None:
        found = {"args": call.args, "kwargs": call.kwargs}
    if found or request.get("argsrepr") is not None:
        found["argsrepr"], found["kwargsrepr"] = reprs_of(request, call)
    return found


def family(request: Any) -> dict[str, Any]:
    """Where the job stands among others, and what sent it."""
    found = {
        "parent_id": request.parent_id,
        "root_id": request.root_id,
        "group_id": request.group,
        "periodic_task_name": request.get("periodic_task_name"),
    }
    return {name: value for name, value in found.items() if value}


def hidden(found: dict[str, Any], request: Any, call: Redacted) -> dict[str, Any]:
    """A secret argument may show again in what the task returned or raised."""
    secrets = secret_values(request.args or (), request.kwargs or {}, call.names, task_of(request))
    words = ("result", "traceback", "error", "error_message")
    return {**found, **{name: cleaned(found[name], secrets) for name in words if found.get(name)}}


def shown(call: Redacted) -> dict[str, Any]:
    found: dict[str, Any] = {"args": call.args, "kwargs": call.kwargs}
    return found | {"redacted": list(call.names)} if call.names else found


def call_of(request: Any) -> Redacted:
    """The arguments as people may see them."""
    args, kwargs = request.args or (), request.kwargs or {}
    return redact(task_of(request), args, kwargs) if args or kwargs else NOTHING


def task_of(request: Any) -> Any:
    return current_app.tasks.get(request.get("task") or "")


def reprs_of(request: Any, call: Redacted) -> tuple[Any, Any]:
    """As the publisher wrote them; of one that wrote none, the arguments, as django-celery-results does."""
    if call.names:
        return reprs(call)
    given = request.get("argsrepr"), request.get("kwargsrepr")
    return given if None not in given else (call.args, call.kwargs)


def error_of(state: str, result: Any) -> dict[str, str]:
    """The kind of an error, its message, and both in one line."""
    if state not in UNSUCCESSFUL or not isinstance(result, dict):
        return {}
    kind, message = str(result.get("exc_type") or "Error"), result.get("exc_message")
    words = ", ".join(map(str, message)) if isinstance(message, list | tuple) else str(message or "")
    line = f"{kind}: {words}" if words else kind
    return {"error_kind": kind, "error_message": words, "error": line[:ERROR_LENGTH]}


def reason_of(state: str, result: Any) -> str:
    """Why a job is in this state, by what Celery stored as its result."""
    kind = result.get("exc_type") if isinstance(result, dict) else None
    if state == "REVOKED":
        words = result.get("exc_message") if isinstance(result, dict) else None
        word = words[0] if isinstance(words, list | tuple) and words else words
        return Reason.EXPIRED if word == EXPIRED_WORD else Reason.CANCELLED
    if state == "FAILURE":
        return REASONS.get(str(kind), Reason.ERROR)
    return Reason.NONE


def ledger_text(text: str, meta: dict[str, Any]) -> str:
    """The document for the ledger; "" when it is the same as `text`, which Redis has.

    Other than `text` if PostgreSQL couldn't read it, or if it is too large to keep twice.
    """
    odd = any(suspect in text for suspect in SUSPECTS)
    if not odd and len(text) <= settings.LEDGER_DOCUMENT_MAX_BYTES:
        return ""
    fitting = shortened(meta) if len(text) > settings.LEDGER_DOCUMENT_MAX_BYTES else meta
    return str(dumps(cleaned(fitting)))  # as Celery writes dates and decimals


def ledger_document(found: dict[str, Any]) -> str:
    """The same for a document that Redis doesn't keep."""
    text = plain(found)
    return text if len(text) <= settings.LEDGER_DOCUMENT_MAX_BYTES else plain(shortened(found))


def shortened(meta: dict[str, Any]) -> dict[str, Any]:
    """Large parts give way to a note; the whole stays in Redis as long as results do."""
    limit = settings.LEDGER_DOCUMENT_MAX_BYTES // 4
    found, notes = dict(meta), []
    for name in ("result", "args", "kwargs", "argsrepr", "kwargsrepr", "children", "meta"):
        size = len(json.dumps(found.get(name), default=str))
        if size > limit:
            found[name] = None
            notes.append(f"{name}: {size} bytes, more than the ledger keeps; whole in Redis for a while")
    for name, part in (("traceback", slice(-limit, None)), ("error_message", slice(limit))):
        if found.get(name):
            found[name] = found[name][part]
    return {**found, "note": "; ".join(notes)}


def plain(value: Any) -> str:
    """JSON that PostgreSQL reads, whatever was in the value."""
    text = to_json(value)
    if any(suspect in text for suspect in SUSPECTS):
        text = json.dumps(cleaned(value), default=str)
    return text


def cleaned(value: Any, hidden: tuple[str, ...] = ()) -> Any:
    """The value without NUL, lone surrogates, NaN and infinity, and without the `hidden` texts."""
    if isinstance(value, str):
        text = value.replace("\x00", "\\x00").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        return scrub(text, hidden) if hidden else text
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, dict):
        return {cleaned(str(name), hidden): cleaned(item, hidden) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return [cleaned(item, hidden) for item in value]
    return value
