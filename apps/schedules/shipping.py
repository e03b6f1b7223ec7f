"""The schedules that come with the code, brought to the database without undoing what people did."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from django.db import connection, transaction
from django.db.models import QuerySet, TextChoices
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import PeriodicTask

from apps.schedules import declaring, differences, documents, reading, rules
from apps.schedules.declaring import BadDeclaration
from apps.schedules.differences import Difference
from apps.schedules.documents import DEFAULTS, Document
from apps.schedules.merging import merge
from apps.schedules.models import ShippedSchedule

__all__ = [
    "BadDeclaration", "CannotReset", "Change", "Origin", "difference", "locked", "origin", "reset",
    "shipped_schedules", "sync",
]  # fmt: skip

LOCK = 0x5CED_0001  # of PostgreSQL; two deployments at once sync one after the other

Outcome = Literal["created", "updated", "unchanged", "kept", "deleted", "restored", "retired", "taken"]


class Origin(TextChoices):
    """What a schedule is to the code."""

    UNTOUCHED = "untouched", gettext_lazy("as the code says")
    CHANGED = "changed", gettext_lazy("changed from code")
    RETIRED = "retired", gettext_lazy("no longer in the code")
    OWN = "own", gettext_lazy("not from code")


@dataclass(frozen=True)
class Change:
    """What `sync` did with one schedule.

    `written` are fields new from the code; `kept` those that differ from it, as a person wants it.
    """

    name: str
    outcome: Outcome
    kept: tuple[str, ...] = ()
    written: tuple[str, ...] = ()


class CannotReset(Exception):
    """The schedule can't be made as the code says; the message says why."""


def sync(*, restore: bool = False) -> list[Change]:
    """Creates what is missing, updates each field that nobody touched, disables what the code dropped.

    A schedule that a person deleted stays away unless `restore`. Raises BadDeclaration, then
    nothing was changed.
    """
    rows = declaring.declared()
    with locked():
        documents.held(PeriodicTask.objects.filter(shipped__isnull=False))
        known = {shipped.name: shipped for shipped in shipped_schedules()}
        changes = [apply(name, code, known.get(name), restore=restore) for name, code in rows.items()]
        gone = [known[name] for name in known if name not in rows and not known[name].retired]
        return changes + [retire(shipped) for shipped in gone]


def reset(schedule: PeriodicTask) -> tuple[Difference, ...]:
    """Makes it as the code says, and returns what that changed. Raises CannotReset and BadDeclaration."""
    with locked():
        documents.held(PeriodicTask.objects.filter(pk=schedule.pk))
        shipped = shipped_schedules().filter(periodic_task=schedule.pk).first()
        if shipped is None:
            raise CannotReset(_("“%s” doesn't ship with the code.") % schedule.name)
        code = declaring.declared().get(shipped.name)
        if code is None:
            raise CannotReset(_("“%s” is no longer in the code.") % shipped.name)
        return make_as(shipped, code)


def make_as(shipped: ShippedSchedule, code: Document) -> tuple[Difference, ...]:
    here = documents.of(shipped.periodic_task)
    if here["name"] != code["name"] and PeriodicTask.objects.filter(name=code["name"]).exists():
        raise CannotReset(_("Another schedule is named “%s” now. Rename that one first.") % code["name"])
    documents.write(shipped.periodic_task, {field: code[field] for field in documents.differing(here, code)})
    remember(shipped, code)
    return differences.between(here, code)


def difference(shipped: ShippedSchedule) -> tuple[Difference, ...]:
    """From what the code says now to what is here; () if that says nothing of it. Raises BadDeclaration."""
    code = declaring.find(shipped.name)
    if code is None or shipped.periodic_task is None:
        return ()
    return differences.between(code, seen(shipped, documents.of(shipped.periodic_task), code))


def origin(schedule: PeriodicTask) -> Origin:
    """Costs no query if `shipped`, `timing` and its rule were selected with it."""
    shipped = getattr(schedule, "shipped", None)
    if shipped is None:
        return Origin.OWN
    try:
        code = declaring.find(shipped.name)
    except BadDeclaration:
        return Origin.CHANGED
    if shipped.retired or code is None:
        return Origin.RETIRED
    here = seen(shipped, documents.of(schedule), code)
    return Origin.CHANGED if documents.differing(here, code) else Origin.UNTOUCHED


@contextmanager
def locked() -> Iterator[None]:
    """One transaction; those of several processes come one after the other."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        yield


def shipped_schedules() -> QuerySet[ShippedSchedule]:
    kinds = [f"periodic_task__{kind}" for kind in rules.KINDS]
    return ShippedSchedule.objects.select_related("periodic_task__timing", *kinds)


def apply(name: str, code: Document, shipped: ShippedSchedule | None, *, restore: bool) -> Change:
    if shipped is None:
        return begin(ShippedSchedule(name=name), code, "created")
    if shipped.periodic_task is not None:
        return follow(shipped, code)
    return begin(shipped, code, "restored") if restore else Change(name, "deleted")


def begin(shipped: ShippedSchedule, code: Document, outcome: Outcome) -> Change:
    """A schedule of that name which a person made before the code did belongs to that person."""
    existing = reading.schedules().filter(name=shipped.name).select_related("shipped").first()
    if existing and hasattr(existing, "shipped"):
        return Change(shipped.name, "taken")
    shipped.periodic_task = existing or documents.write(PeriodicTask(), code)
    remember(shipped, code)
    if existing is None:
        return Change(shipped.name, outcome)
    kept = tuple(documents.differing(documents.of(existing), code))
    return Change(shipped.name, "kept" if kept else "unchanged", kept)


def follow(shipped: ShippedSchedule, code: Document) -> Change:
    """What nobody touched becomes as the code says, field by field."""
    schedule, was_retired = shipped.periodic_task, shipped.retired
    here = documents.of(schedule)
    merged = merge(shipped.declared, code, seen(shipped, here, code))
    written = dict(merged.written)
    if "rule" in written and is_done(schedule) and "enabled" not in merged.kept:
        written["enabled"] = code["enabled"]
    documents.write(schedule, written)
    remember(shipped, code, merged.kept)
    outcome: Outcome = "updated" if written or was_retired else "kept" if merged.kept else "unchanged"
    return Change(shipped.name, outcome, merged.kept, tuple(written))


def retire(shipped: ShippedSchedule) -> Change:
    """Disabled and marked; if the code ships it again, it is enabled again unless a person disabled it."""
    schedule = shipped.periodic_task
    if schedule and schedule.enabled:
        documents.write(schedule, {"enabled": False})
        shipped.declared = {**shipped.declared, "enabled": False}
    shipped.retired = True
    shipped.save()
    return Change(shipped.name, "retired")


def seen(shipped: ShippedSchedule, here: Document, code: Document) -> Document:
    """What is here, but for beat's own mark: what ran once and is off since then was touched by nobody."""
    return {**here, "enabled": code["enabled"]} if is_done(shipped.periodic_task) else here


def is_done(schedule: PeriodicTask) -> bool:
    return bool(schedule.one_off and not schedule.enabled and schedule.total_run_count)


def remember(shipped: ShippedSchedule, code: Document, kept: tuple[str, ...] = ()) -> None:
    """The code's word counts as written, but where it was not: there the one before stays."""
    before = {field: shipped.declared.get(field, DEFAULTS.get(field)) for field in kept}
    declared = {**code, **before}
    shipped.declared, shipped.retired = declared, False
    shipped.save()
