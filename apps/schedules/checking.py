"""What a schedule can't be: checked alike in the admin's form, in files and in the code's declarations."""

import re
from datetime import datetime
from typing import Any

from celery import current_app
from django.core.validators import RegexValidator
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import PeriodicTask

from apps.jobs import catalog
from apps.jobs.arguments import AnyTask, as_json, parameters
from apps.jobs.errors import ArgumentError, JobError
from apps.jobs.orders import PRIORITY_DEFAULT, Order
from apps.schedules import documents, rules, running
from apps.schedules.documents import FIELDS, Document
from apps.schedules.fartimes import is_far
from apps.schedules.rules import RuleError

CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f]")
NO_CONTROL_CHARACTERS = RegexValidator(
    CONTROL_CHARACTERS, gettext_lazy("Expected text without control characters."), inverse_match=True
)


def complaints(document: Document, before: Document | None = None) -> dict[str, str]:
    """What is wrong by field; {} if nothing is. `before`: what is here, whose past isn't a mistake."""
    start, end = moment(document["start"]), moment(document["end"])
    problems = {
        **call_complaints(document["task"], document["args"], document["kwargs"]),
        **delivery_complaints(document),
        **end_complaints(start, end, document["expire_seconds"]),
        **past_complaints(document, before),
    }
    if CONTROL_CHARACTERS.search(document["name"]):
        problems["name"] = str(NO_CONTROL_CHARACTERS.message)
    try:
        rules.parse(document["rule"])
    except RuleError as error:
        problems["rule"] = str(error)
    return problems


def call_complaints(task_name: str, args: Any, kwargs: Any) -> dict[str, str]:
    """Whether there is such a task, and whether it takes these arguments: by `task`, `args`, `kwargs`."""
    try:
        task = current_app.tasks.get(task_name) or catalog.find(task_name)  # Celery's own, too
    except JobError as error:
        return {"task": str(error)}
    return {field: "; ".join(texts) for field, texts in argument_complaints(task, args, kwargs).items()}


def argument_complaints(task: AnyTask, args: Any, kwargs: Any) -> dict[str, list[str]]:
    """What the task's signature and types say against them, by `args` and `kwargs`."""
    found: dict[str, list[str]] = {}
    try:
        as_json(task, args, kwargs)
    except ArgumentError as error:
        positional = {*list(parameters(task))[: len(args)], "" if args else None} - kwargs.keys()
        for argument, expected in error.problems.items():
            field = "args" if argument in positional else "kwargs"
            found.setdefault(field, []).append(f"{argument}: {expected}" if argument else expected)
    return found


def delivery_complaints(document: Document) -> dict[str, str]:
    """Whether a job can be sent so."""
    problems: dict[str, str] = {}
    priority = PRIORITY_DEFAULT if document["priority"] is None else document["priority"]
    try:
        Order(queue=document["queue"], headers=document["headers"], priority=priority)
    except ArgumentError as error:
        problems |= error.problems
    route = PeriodicTask(exchange=document["exchange"], routing_key=document["routing_key"])
    try:
        running.queue_of(route)
    except ArgumentError as error:
        problems |= error.problems
    return problems


def end_complaints(
    start: datetime | None, end: datetime | None, expire_seconds: int | None
) -> dict[str, str]:
    """By `start`, `end` and `expire_seconds`."""
    far = _("Expected a time before the year 9999.")
    problems = {name: far for name, moment in {"start": start, "end": end}.items() if is_far(moment)}
    if end and expire_seconds is not None:
        problems["expire_seconds"] = _("Give an end or a time limit for each job, not both.")
    if end and start and end <= start:
        problems["end"] = _("The end comes before the start.")
    return problems


def past_complaints(document: Document, before: Document | None) -> dict[str, str]:
    """A time that has passed, if it is new here and would count."""
    if not document["enabled"]:
        return {}
    changed = documents.differing(before, document) if before else list(FIELDS)
    passed = _("This time has passed. Choose one to come.")
    problems = {}
    once = document["rule"].removeprefix("once ")
    if once != document["rule"] and {"rule", "enabled"} & set(changed) and is_past(once):
        problems["rule"] = passed
    if {"end", "enabled"} & set(changed) and is_past(document["end"]):
        problems["end"] = passed
    return problems


def is_past(text: str | None) -> bool:
    found = moment(text)
    return found is not None and found <= now()


def moment(text: str | None) -> datetime | None:
    """None also for a text that is no time: that is for the rule to say."""
    try:
        return datetime.fromisoformat(text) if text else None
    except ValueError:
        return None
