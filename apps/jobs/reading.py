"""Read models of jobs, for pages, commands and reports."""

import ast
import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from django.db.models import QuerySet
from django.utils.dateparse import parse_datetime
from django_celery_results.models import TaskResult

from apps.jobs import progress
from apps.jobs.state import redis_error
from apps.jobs.states import FINISHED, State

logger = logging.getLogger(__name__)

FAILED = frozenset({State.FAILURE, State.RETRY, State.REVOKED})
RELATIVES = 100  # a group may have thousands of children


@dataclass(frozen=True)
class JobView:
    """One job as people see it. `args` and `kwargs` are what the worker reported, perhaps shortened.

    `exact` says that nothing is missing from them. `submitted` is None for a job that only Redis
    remembers.
    """

    id: str
    task: str
    state: str
    args: Any
    kwargs: Any
    result: Any
    traceback: str | None
    worker: str | None
    schedule: str | None
    submitted: datetime | None
    started: datetime | None
    finished: datetime | None
    exact: bool = False

    @property
    def ended(self) -> bool:
        return self.state in FINISHED

    @property
    def run_time(self) -> timedelta | None:
        return self.finished - self.started if self.started and self.finished else None

    @property
    def wait_time(self) -> timedelta | None:
        """From the hand-in to the start of the last try."""
        return self.started - self.submitted if self.started and self.submitted else None

    @property
    def error(self) -> str | None:
        """`ValueError: no such file` for a job that did not succeed or waits to be tried again."""
        if self.state not in FAILED or not isinstance(self.result, dict):
            return None
        message = self.result.get("exc_message") or ""
        words = ", ".join(map(str, message)) if isinstance(message, list) else str(message)
        kind = self.result.get("exc_type", "Error")
        return f"{kind}: {words}" if words else str(kind)

    @property
    def progress(self) -> progress.Progress | None:
        return progress.read(self.id)


@dataclass(frozen=True)
class Call:
    """What a job was called with, exactly."""

    args: list[Any]
    kwargs: dict[str, Any]


@dataclass(frozen=True)
class Details:
    """What is known beside the state. `call` is None once the exact arguments are forgotten.

    `attempt` counts from 1. `children` are the first RELATIVES of `child_count`.
    """

    call: Call | None
    queue: str | None
    attempt: int | None
    parent: JobView | None
    children: list[JobView]
    child_count: int


def find(job_id: str) -> JobView | None:
    """The job as the database has it, else as Redis remembers it, else None."""
    if not job_id or "\x00" in job_id:  # which PostgreSQL's text can't hold
        return None
    row = TaskResult.objects.filter(task_id=job_id).first()
    if row:
        return view(row)
    memory = remembered(job_id)
    return recalled(job_id, memory) if memory else None


def details(job: JobView) -> Details:
    memory = remembered(job.id)
    parent, retries = memory.get("parent_id"), memory.get("retries")
    # To Celery, a job that is tried again is a child of itself.
    children = [child for child in job_ids(memory.get("children") or []) if child != job.id]
    relatives = views_of([str(parent), *children[:RELATIVES]] if parent else children[:RELATIVES])
    return Details(
        call=exact_call(job, memory),
        queue=memory.get("queue"),
        attempt=None if retries is None else retries + 1,
        parent=relatives.get(str(parent)) if parent != job.id else None,
        children=[relatives[child] for child in children if child in relatives],
        child_count=len(children),
    )


def latest(limit: int = 20, **filters: Any) -> list[JobView]:
    """The newest jobs; `filters` are TaskResult's, such as `status` or `task_name`."""
    return [view(row) for row in rows(**filters)[:limit]]


def rows(**filters: Any) -> QuerySet[TaskResult]:
    found: QuerySet[TaskResult] = TaskResult.objects.filter(**filters)
    return found.order_by("-date_created", "-id")


def view(row: TaskResult) -> JobView:
    finished = row.date_done if row.status in FINISHED else None
    noted = row.status == State.PENDING
    return JobView(
        id=row.task_id,
        task=row.task_name or "",
        state=row.status,
        args=literal(row.task_args, noted=noted),
        kwargs=literal(row.task_kwargs, noted=noted),
        result=loaded(row.result),
        traceback=row.traceback,
        worker=row.worker,
        schedule=row.periodic_task_name,
        submitted=row.date_created,
        started=row.date_started,
        finished=finished,
        exact=noted or "..." not in f"{row.task_args}{row.task_kwargs}",
    )


def literal(text: str | None, *, noted: bool) -> Any:
    """Celery stores the repr of the arguments as a JSON string; a shortened one stays text.

    `noted` is what `submit` wrote. What the worker reports later is made for logs: it doesn't tell
    a backslash from the escape it may begin, so there one stays text as well.
    """
    value = loaded(text)
    if not isinstance(value, str) or ("\\" in value and not noted):
        return value
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, RecursionError):
        return value


def loaded(text: str | None) -> Any:
    try:
        return json.loads(text) if text else None
    except ValueError:
        return text


def remembered(job_id: str) -> dict[str, Any]:
    """What the result backend keeps of a job: with extended results its exact arguments too.

    Read here and not through AsyncResult, which waits for a lost Redis without end.
    """
    backend = current_app.backend
    try:
        found = backend.get(backend.get_key_for_task(job_id))
    except redis_error() as error:
        logger.warning("Redis can't be asked about job %s: %s", job_id, error)
        return {}
    return dict(json.loads(found)) if found else {}


def recalled(job_id: str, memory: dict[str, Any]) -> JobView:
    state = str(memory.get("status", State.PENDING))
    return JobView(
        id=job_id,
        task=memory.get("name") or "",
        state=state,
        args=memory.get("args"),
        kwargs=memory.get("kwargs"),
        result=memory.get("result"),
        traceback=memory.get("traceback"),
        worker=memory.get("worker"),
        schedule=None,
        submitted=None,
        started=None,
        finished=parse_datetime(memory.get("date_done") or "") if state in FINISHED else None,
    )


def exact_call(job: JobView, memory: dict[str, Any]) -> Call | None:
    args, kwargs = memory.get("args"), memory.get("kwargs")
    if args is None or kwargs is None:
        args, kwargs = (job.args, job.kwargs) if job.exact else (None, None)
    if not isinstance(args, list | tuple) or not isinstance(kwargs, dict):
        return None
    return Call(list(args), kwargs)


def job_ids(results: Iterable[Any]) -> list[str]:
    """The jobs in Celery's nested result tuples: `[[id, parent], members or None]`."""
    found: list[str] = []
    for (job_id, _), members in results:
        found += job_ids(members) if members else [job_id]
    return found


def views_of(ids: list[str]) -> dict[str, JobView]:
    return {row.task_id: view(row) for row in rows(task_id__in=ids)} if ids else {}
