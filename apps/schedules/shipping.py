"""The schedules that come with the code, brought to the database without undoing what people did."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from django.conf import settings
from django.db import connection, transaction
from django_celery_beat.models import PeriodicTask

from apps.jobs import catalog
from apps.jobs.arguments import as_json
from apps.jobs.errors import JobError
from apps.jobs.submitting import Order
from apps.schedules import rules
from apps.schedules.models import ShippedSchedule
from apps.schedules.rules import RuleError

LOCK = 0x5CED_0001  # of PostgreSQL; two deployments at once sync one after the other

Outcome = Literal["created", "updated", "unchanged", "kept", "deleted", "restored", "retired"]


@dataclass(frozen=True)
class Change:
    """What `sync` did with one schedule; `fields` differ from the code because a person changed them."""

    name: str
    outcome: Outcome
    fields: tuple[str, ...] = ()


class BadDeclaration(Exception):
    """A row of project/recurring.py can't be; the message names the row and what was expected."""


def sync(*, restore: bool = False) -> list[Change]:
    """Creates what is missing, updates what nobody touched, disables what the code dropped.

    A schedule that a person deleted stays away unless `restore`. Raises BadDeclaration, then
    nothing was changed.
    """
    rows: dict[str, dict[str, Any]] = {row.name: checked(row) for row in settings.SHIPPED_SCHEDULES}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        known = {shipped.name: shipped for shipped in shipped_schedules()}
        changes = [apply(name, declared, known.get(name), restore=restore) for name, declared in rows.items()]
        gone = [known[name] for name in known if name not in rows and not known[name].retired]
        return changes + [retire(shipped) for shipped in gone]


def differences(shipped: ShippedSchedule) -> tuple[str, ...]:
    """The fields in which the schedule is no longer as the code last wrote it."""
    if shipped.periodic_task is None:
        return ()
    now = state(shipped.periodic_task)
    return tuple(field for field in now if now[field] != shipped.declared.get(field))


def state(schedule: PeriodicTask) -> dict[str, Any]:
    """A schedule in the shape that `checked` gives a declaration."""
    rule = rules.of(schedule)
    return {
        "name": schedule.name,
        "task": schedule.task,
        "rule": rules.text(rule) if rule else "",
        "args": json.loads(schedule.args or "[]"),
        "kwargs": json.loads(schedule.kwargs or "{}"),
        "queue": schedule.queue,
        "enabled": schedule.enabled,
        "description": schedule.description,
    }


def checked(row: Any) -> dict[str, Any]:
    """A row of project/recurring.py as plain values. Raises BadDeclaration."""
    try:
        rule = rules.parse(row.rule)
        as_json(catalog.find(row.task), (), row.kwargs)
        Order(queue=row.queue)
        kwargs = json.loads(json.dumps(dict(row.kwargs)))
    except (RuleError, JobError, TypeError) as error:
        raise BadDeclaration(f"schedule {row.name!r}: {error}") from error
    return {
        "name": row.name,
        "task": row.task,
        "rule": rules.text(rule),
        "args": [],
        "kwargs": kwargs,
        "queue": row.queue,
        "enabled": row.enabled,
        "description": str(row.description),
    }


def shipped_schedules() -> Iterable[ShippedSchedule]:
    kinds = [f"periodic_task__{kind}" for kind in rules.KINDS]
    return ShippedSchedule.objects.select_related("periodic_task", *kinds)


def apply(name: str, declared: dict[str, Any], shipped: ShippedSchedule | None, *, restore: bool) -> Change:
    if shipped is None:
        return adopt(name, declared)
    if shipped.periodic_task is None:
        return bring_back(shipped, declared) if restore else Change(name, "deleted")
    changed = differences(shipped)
    if changed:
        return Change(name, "kept", changed)
    if shipped.declared == declared and not shipped.retired:
        return Change(name, "unchanged")
    write(shipped.periodic_task, declared)
    remember(shipped, declared)
    return Change(name, "updated")


def adopt(name: str, declared: dict[str, Any]) -> Change:
    """A schedule of that name which a person made before the code did belongs to that person."""
    existing = PeriodicTask.objects.filter(name=name).first()
    schedule = existing or write(PeriodicTask(), declared)
    shipped = ShippedSchedule(name=name, periodic_task=schedule)
    remember(shipped, declared)
    changed = differences(shipped)
    if changed:
        return Change(name, "kept", changed)
    return Change(name, "unchanged" if existing else "created")


def bring_back(shipped: ShippedSchedule, declared: dict[str, Any]) -> Change:
    existing = PeriodicTask.objects.filter(name=shipped.name).first()
    shipped.periodic_task = existing or write(PeriodicTask(), declared)
    remember(shipped, declared)
    return Change(shipped.name, "restored")


def retire(shipped: ShippedSchedule) -> Change:
    """Disabled and marked; if the code ships it again, an untouched one comes back as declared."""
    if shipped.periodic_task and shipped.periodic_task.enabled:
        shipped.periodic_task.enabled = False
        shipped.periodic_task.save()
    shipped.retired = True
    shipped.declared = {**shipped.declared, "enabled": False}
    shipped.save()
    return Change(shipped.name, "retired")


def write(schedule: PeriodicTask, declared: dict[str, Any]) -> PeriodicTask:
    rule = rules.saved(rules.parse(declared["rule"]))
    for kind in rules.KINDS:
        setattr(schedule, kind, rule.row if kind == rule.kind else None)
    for field in ("name", "task", "queue", "enabled", "description"):
        setattr(schedule, field, declared[field])
    schedule.one_off = rule.kind == "clocked"
    schedule.args = json.dumps(declared["args"])
    schedule.kwargs = json.dumps(declared["kwargs"], ensure_ascii=False)
    schedule.save()
    return schedule


def remember(shipped: ShippedSchedule, declared: dict[str, Any]) -> None:
    shipped.declared, shipped.retired = declared, False
    shipped.save()
