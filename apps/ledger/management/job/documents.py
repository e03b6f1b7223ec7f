"""A job as JSON and as words."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone
from django.utils.timezone import localtime

from apps.jobs.models import Attempt, Job
from apps.jobs.states import Reason, State

BRIEF = (
    "id", "task", "state", "reason", "queue", "priority", "attempts", "submitted_at", "started_at",
    "finished_at", "eta", "error", "schedule", "submitter", "source", "tags", "key", "retry_of",
)  # fmt: skip
WHOLE = (
    "id", "task", "state", "reason", "error", "note", "args", "kwargs", "redacted", "result", "queue",
    "priority", "attempts", "worker", "submitted_at", "published_at", "first_started_at", "started_at",
    "finished_at", "eta", "expires_at", "wait_time", "run_time", "parent", "root", "group", "retry_of",
    "schedule", "submitter", "source", "key", "tags",
)  # fmt: skip
TRY = ("number", "worker", "started_at", "finished_at", "outcome", "error_kind", "error_message", "trace")
WIDTH = 18


def brief(job: Job) -> dict[str, Any]:
    return {name: plain(getattr(job, name)) for name in BRIEF} | {"held": held(job)}


def whole(job: Job) -> dict[str, Any]:
    """Times in UTC, durations in seconds."""
    return {name: plain(getattr(job, name)) for name in WHOLE} | {"held": held(job)}


def attempt(tried: Attempt) -> dict[str, Any]:
    return {name: plain(getattr(tried, name)) for name in TRY}


def held(job: Job) -> bool:
    later = job.eta is not None and job.eta > timezone.now()
    return job.state == State.PENDING and (later or job.reason == Reason.HELD)


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return value.total_seconds() if isinstance(value, timedelta) else value


def row(job: Job) -> str:
    """One line of a list."""
    state = f"{job.state} ({job.reason})" if job.reason else job.state
    said = f"  {job.error}" if job.error else ""
    return f"{clock(job.submitted_at)}  {job.id}  {state:24} {job.task}{said}"


def block(found: Mapping[str, Any]) -> str:
    """A name and a value on each line; what is empty is left out."""
    lines = []
    for name, value in found.items():
        if value not in (None, "", [], False):
            text = value if isinstance(value, str) else json.dumps(value, default=str, ensure_ascii=False)
            lines.append(f"{name:{WIDTH}} {text}")
    return "\n".join(lines)


def tried_line(tried: Attempt) -> str:
    outcome = tried.outcome or "running"
    error = f"  {tried.error_kind}: {tried.error_message}" if tried.error_kind else ""
    return f"{'attempt':{WIDTH}} {tried.number}  {clock(tried.started_at)}  {outcome}  {tried.worker}{error}"


def clock(moment: datetime) -> str:
    return localtime(moment).isoformat(sep=" ", timespec="seconds")
