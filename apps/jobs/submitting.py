"""The front door: a job is checked and written into the caller's transaction, and published after it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cache
from typing import Any, Unpack
from uuid import uuid4

from django.db import DEFAULT_DB_ALIAS, connection, transaction
from django.db.models import DEFERRED
from django.utils import timezone

from apps.jobs import catalog, gating, keys, wire
from apps.jobs.arguments import AnyTask, Arguments, as_json
from apps.jobs.errors import ArgumentError
from apps.jobs.joblog import job_here
from apps.jobs.models import Job
from apps.jobs.orders import Options, Order
from apps.jobs.publishing import publish_soon
from apps.jobs.redacting import redact
from apps.jobs.uniqueness import declared, key_of

# What differs from job to job of one statement, and what they share.
OWN = ("id", "queue", "args", "kwargs", "redacted", "outbox")
SHARED = (
    "task", "state", "reason", "priority", "error", "note", "attempts", "worker", "instance",
    "submitted_at", "eta", "expires_at", "parent", "root", "retry_of", "schedule", "submitter", "source",
    "key", "tags", "relay_at", "resends", "version",
)  # fmt: skip
INSERT = f"""
INSERT INTO jobs_job ({", ".join(OWN + SHARED)})
SELECT {", ".join(f"own.{name}" for name in OWN)}, {", ".join(f"shared.{name}" for name in SHARED)}
FROM json_populate_recordset(NULL::jobs_job, %s::json) AS own,
    json_populate_record(NULL::jobs_job, %s::json) AS shared
ON CONFLICT (id) DO NOTHING
"""  # noqa: S608 - only names of columns
INSERT_UNLIKE = f"""
INSERT INTO jobs_job ({", ".join(OWN + SHARED)})
SELECT {", ".join(OWN + SHARED)} FROM json_populate_recordset(NULL::jobs_job, %s::json)
ON CONFLICT (id) DO NOTHING
"""  # noqa: S608 - only names of columns


@dataclass(frozen=True)
class Call:
    """One call of a task, for `submit_many`."""

    args: Sequence[Any] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


def submit(
    task: str | AnyTask,
    *,
    args: Sequence[Any] = (),
    kwargs: Mapping[str, Any] | None = None,
    **options: Unpack[Options],
) -> Job:
    """Hands a job in: one INSERT in the caller's transaction, published once that has committed.

    The broker need not be there: what can't be published now is published by the recorder. Returns the
    job, or the one that already has the key, which is then `existing`. Raises UnknownTask and
    ArgumentError, whose `problems` name each bad argument and option.
    """
    found = catalog.find(task)
    order = order_of(found, options)
    job = prepared(found, Call(args, kwargs or {}), order, timezone.now())
    if job.rule:
        return placed([job])[0]
    insert([job])
    transaction.on_commit(lambda: publish_soon([job]))
    return job


def submit_many(
    task: str | AnyTask, calls: Iterable[Call | Sequence[Any] | Mapping[str, Any]], **options: Unpack[Options]
) -> list[Job]:
    """Hands in one job for each call: all of them or, if one is bad, none; in one statement.

    A call is a Call, a list of arguments or a dict of named ones. The options are for all; `id` and
    `key` are not among them. With a key by arguments they go in one by one, and some of the jobs returned
    may be `existing` ones. Raises as `submit` does, with `calls.3.name` for the fourth call.
    """
    found = catalog.find(task)
    order = order_of_many(declared(found, options))
    now = timezone.now()
    jobs: list[Job] = []
    problems: dict[str, str] = {}
    for place, call in enumerate(calls):
        try:
            jobs.append(prepared(found, as_call(call), order, now))
        except ArgumentError as error:
            problems |= {f"calls.{place}.{name}".rstrip("."): text for name, text in error.problems.items()}
    if problems:
        raise ArgumentError(problems)
    if jobs and jobs[0].rule:
        return placed(jobs)
    if jobs:
        insert(jobs)
        transaction.on_commit(lambda: publish_soon(jobs))
    return jobs


def placed(jobs: Sequence[Job]) -> list[Job]:
    """Writes each job under its key, or finds the one that has it."""
    with transaction.atomic():
        found = claimed(jobs)
        follow_up([job for job in jobs if found[job.id] is job])
    return [found[job.id] for job in jobs]


def hand_in(jobs: Sequence[Job]) -> dict[str, Job]:
    """Writes jobs that `prepared` made, of any tasks, in one statement; they are published after the commit.

    Those with a key go in one by one. Returns the existing jobs that were found, by the ids of those that are
    not written for it. Raises JobTaken.
    """
    keyed = [job for job in jobs if job.rule]
    with transaction.atomic() if keyed or gating.in_order(jobs) else nullcontext():
        insert_unlike([job for job in jobs if not job.rule])
        found = claimed(keyed) if keyed else {}
        follow_up([job for job in jobs if found.get(job.id, job) is job])
    return {job_id: holder for job_id, holder in found.items() if holder.existing}


def claimed(jobs: Sequence[Job]) -> dict[str, Job]:
    """By their ids the jobs themselves, written now, or who has their keys. In the order of keys, so that no
    two callers wait for each other.
    """
    if len(jobs) > 1:
        keys.lock(jobs)
    found = {}
    for job in sorted(jobs, key=lambda job: job.key):
        rule: Any = job.rule
        if holder := keys.claim(job, rule):
            holder.existing = True
        else:
            insert([job], lines_up=False)
        found[job.id] = holder or job
    return found


def follow_up(jobs: Sequence[Job]) -> None:
    """What becomes of jobs that were written, in the order of the call."""
    gating.line_up(gating.in_order(jobs))
    # A debounced job stays here until it is due, where it can be changed.
    ready = [job for job in jobs if not (job.rule and job.rule.debounce)]
    transaction.on_commit(lambda: publish_soon(ready))


def insert_unlike(jobs: Sequence[Job]) -> None:
    """Writes rows of any kind in one statement. Raises JobTaken."""
    if not jobs:
        return
    rows = [{name: value_of(getattr(job, name)) for name in OWN + SHARED} for job in jobs]
    with connection.cursor() as cursor:
        cursor.execute(INSERT_UNLIKE, [json.dumps(rows)])
        if cursor.rowcount < len(jobs):
            raise JobTaken({"id": "one of the ids is taken"})


def order_of(task: AnyTask, options: Mapping[str, Any]) -> Order:
    """The options with what the task declares. Raises ArgumentError."""
    return Order.of(declared(task, options))


def order_of_many(options: Mapping[str, Any]) -> Order:
    refused = {name: "expected for single jobs only" for name in options if name in {"id", "key"}}
    if refused:
        raise ArgumentError(refused)
    return Order.of(options)


def as_call(call: Call | Sequence[Any] | Mapping[str, Any]) -> Call:
    if isinstance(call, Call):
        return call
    if isinstance(call, Mapping):
        return Call((), call)
    if isinstance(call, str | bytes) or not isinstance(call, Sequence):
        raise ArgumentError({"": f"expected a list, a dict or a Call, got {type(call).__name__}"})
    return Call(call)


def prepared(task: AnyTask, call: Call, order: Order, now: datetime) -> Job:
    """The row, not yet written. Raises ArgumentError."""
    arguments = as_json(task, call.args, call.kwargs)
    if order.unique_key is not None:
        order = replace(order, key=key_of(task, arguments, order.unique_key), unique_key=None)
    return row_of(task, arguments, order, now)


def row_of(task: AnyTask, arguments: Arguments, order: Order, now: datetime) -> Job:
    args, kwargs = arguments
    shown = redact(task, args, kwargs)
    parent = job_here()
    job = new_job(
        id=order.id or str(uuid4()),
        task=task.name,
        queue=wire.queue_for(task, args, kwargs, {"queue": order.queue, "priority": order.priority}),
        priority=order.priority,
        args=list(shown.args),
        kwargs=dict(shown.kwargs),
        redacted=list(shown.names),
        submitted_at=now,
        eta=order.not_before(now),
        expires_at=order.not_after(now),
        parent=parent.id if parent else None,
        root=(parent.root_id or parent.id) if parent else None,
        retry_of=order.retry_of,
        schedule=order.schedule,
        submitter=order.submitter,
        source=order.source,
        key=order.key,
        tags=list(order.tags),
    )
    job.rule = order.rule if order.key else None
    headers = order.headers | (keys.headers_of(job, job.rule) if job.rule else {})
    job.outbox = wire.outbox(job, args, kwargs, headers) | wire.notice_of(job, task, arguments)
    job.relay_at = job.eta if order.debounce else wire.relay_at(job)
    return job


def new_job(**values: Any) -> Job:
    """A row with these values and defaults. `Job(...)` looks at each field twice, which takes longer
    than all the rest of submitting one job of many."""
    names, blank = blank_row()
    return Job.from_db(DEFAULT_DB_ALIAS, names, [*(blank | values).values()])


@cache
def blank_row() -> tuple[list[str], dict[str, Any]]:
    """Every column with its default; those that PostgreSQL computes are asked for when they are read."""
    fields = Job._meta.concrete_fields  # noqa: SLF001 - Django documents _meta
    row = {found.attname: DEFERRED if found.generated else found.get_default() for found in fields}
    return list(row), row


def insert(jobs: Sequence[Job], *, lines_up: bool = True) -> None:
    """Writes rows in one statement. Raises JobTaken if one of the ids is taken.

    What the columns in SHARED hold is the first one's for all.
    """
    own = [{name: getattr(job, name) for name in OWN} for job in jobs]
    shared = {name: value_of(getattr(jobs[0], name)) for name in SHARED}
    ordered = gating.in_order(jobs) if lines_up and gating.runs_in_order(jobs[0].task) else []
    with transaction.atomic() if len(jobs) > 1 or ordered else nullcontext(), connection.cursor() as cursor:
        cursor.execute(INSERT, [json.dumps(own), json.dumps(shared)])
        if cursor.rowcount < len(jobs):
            raise JobTaken({"id": f"a job with the id {jobs[0].id} exists already"})
        gating.line_up(ordered)


class JobTaken(ArgumentError):
    """The id that was asked for belongs to another job."""


def value_of(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value
