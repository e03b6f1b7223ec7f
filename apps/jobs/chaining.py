"""Jobs that run one after the other, each with what the one before returned as its first argument."""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, Unpack

from celery import signature
from django.db import transaction
from django.utils import timezone

from apps.jobs import catalog, plain
from apps.jobs.arguments import AnyTask, Arguments, as_json, parameters
from apps.jobs.errors import ArgumentError
from apps.jobs.models import Job
from apps.jobs.orders import Options
from apps.jobs.publishing import publish_soon
from apps.jobs.submitting import Call, insert, order_of_many, row_of


def submit_chain(steps: Sequence[tuple[str, Call]], **options: Unpack[Options]) -> list[Job]:
    """Hands in one job for each step, a task's name and its call: all of them or none.

    The first one's message carries the others, so a chain is published whole. Where a step fails, those
    behind it never start and fail with its error. The options are for all; `delay`, `eta`, `expires` and
    `headers` for the first; `id` and keys are refused. Raises UnknownTask, and ArgumentError with
    `steps.1.name`.
    """
    if not steps:
        raise ArgumentError({"steps": "expected at least one"})
    if "unique_key" in options:
        raise ArgumentError({"unique_key": "expected for single jobs only"})
    order, now = order_of_many(options), timezone.now()
    later = replace(order, delay=None, eta=None, expires=None, headers={})
    tasks = [catalog.find(name) for name, _ in steps]
    calls = [checked(place, task, steps[place][1]) for place, task in enumerate(tasks)]
    jobs = [
        row_of(task, call, later if place else order, now)
        for place, (task, call) in enumerate(zip(tasks, calls, strict=True))
    ]
    link(jobs, calls)
    with transaction.atomic():
        for job in jobs:
            insert([job])
        transaction.on_commit(lambda: publish_soon(jobs[:1]))
    return jobs


def checked(place: int, task: AnyTask, call: Call) -> Arguments:
    """Of a later step, the first argument is not known yet: None stands for it."""
    args = [None, *call.args] if place else call.args
    first = next(iter(parameters(task)), None) if place else None
    try:
        return as_json(task, args, call.kwargs)
    except ArgumentError as error:
        problems = {
            f"steps.{place}.{name}".rstrip("."): text
            for name, text in error.problems.items()
            if name.partition(".")[0] != first
        }
        # What was checked is lost with the error, so the values themselves have to be JSON.
        if not problems and (why := plain.complaint([list(args), dict(call.kwargs)], plain.LEVELS + 2)):
            problems = {f"steps.{place}": why}
        if problems:
            raise ArgumentError(problems) from error
    return list(args), dict(call.kwargs)


def link(jobs: Sequence[Job], calls: Sequence[Arguments]) -> None:
    """What Celery's worker needs to publish the next step, the last one first, and what people see of it."""
    links: list[dict[str, Any]] = []
    for (before, job), (args, kwargs) in zip(pairwise(jobs), calls[1:], strict=True):
        options = {"task_id": job.id, "queue": job.queue, "priority": job.priority}
        links.insert(0, dict(signature(job.task, args=args[1:], kwargs=kwargs, options=options)))
        job.parent, job.root = before.id, jobs[0].root or jobs[0].id
        job.args = job.outbox = job.relay_at = None
    jobs[0].outbox = {**(jobs[0].outbox or {}), "chain": links}
