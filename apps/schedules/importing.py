"""Schedules from YAML, as `exporting` writes it: all of them or none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from apps.schedules import checking, differences, documents, shaping, shipping, yamltext
from apps.schedules.differences import Difference
from apps.schedules.documents import DEFAULTS, Document
from apps.schedules.shaping import BadDocument
from apps.schedules.yamltext import BadYaml


class BadFile(Exception):
    """`problems` are all that is wrong with the file, each with its entry and its field."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Imported:
    """What the file did, or would do, to one schedule."""

    name: str
    outcome: Literal["created", "changed", "unchanged"]
    differences: tuple[Difference, ...] = ()


def bring(data: bytes, *, dry_run: bool = False) -> list[Imported]:
    """Makes the schedules of the file as it says; those that aren't in it stay as they are.

    An entry is the whole schedule: a field that it leaves out is as by default. Raises BadFile, then
    nothing was changed.
    """
    wanted = read(data)
    with shipping.locked():
        found = documents.held(PeriodicTask.objects.filter(name__in=wanted))
        here = {schedule.name: schedule for schedule in found}
        before = {name: documents.of(schedule) for name, schedule in here.items()}
        refuse_what_cannot_be(wanted, before)
        if not dry_run:
            for name, document in wanted.items():
                bring_one(here.get(name), before.get(name), document)
    return [told(document, before.get(name)) for name, document in wanted.items()]


def read(data: bytes) -> dict[str, Document]:
    """The entries by name, each whole. Raises BadFile."""
    try:
        entries = yamltext.load(data)
    except BadYaml as error:
        raise BadFile([str(error)]) from None
    if not isinstance(entries, dict):
        raise BadFile([_("expected the names of schedules, each with its fields")])
    wanted, problems = {}, []
    for name, entry in entries.items():
        try:
            wanted[name] = shaped(name, entry)
        except BadDocument as error:
            problems += lines(name, error.problems)
    if problems:
        raise BadFile(problems)
    return wanted


def shaped(name: Any, entry: Any) -> Document:
    if not isinstance(name, str):
        raise BadDocument({"name": _("expected a text; quote it")})
    if not isinstance(entry, Mapping):
        raise BadDocument({"": _("expected its fields, each as `name: value`")})
    if "name" in entry:
        raise BadDocument({"name": _("there is no such field; the entry has the name")})
    return shaping.shaped({**entry, "name": name})


def refuse_what_cannot_be(wanted: dict[str, Document], before: dict[str, Document]) -> None:
    """What changes nothing is not judged: a schedule whose task is gone can be in the file."""
    problems: list[str] = []
    for name, document in wanted.items():
        known = before.get(name)
        if known is None or documents.differing(known, document):
            problems += lines(name, checking.complaints(document, known))
    if problems:
        raise BadFile(problems)


def lines(name: Any, problems: Mapping[str, str]) -> list[str]:
    shown = name if isinstance(name, str) and name.isprintable() else repr(name)
    return [f"{shown}: {field}: {text}" if field else f"{shown}: {text}" for field, text in problems.items()]


def bring_one(schedule: PeriodicTask | None, before: Document | None, document: Document) -> None:
    if schedule is None or before is None:
        documents.write(PeriodicTask(), document)
    elif changed := documents.differing(before, document):
        documents.write(schedule, {field: document[field] for field in changed})


def told(document: Document, before: Document | None) -> Imported:
    name = document["name"]
    if before is None:
        nothing = {**DEFAULTS, "name": name, "task": "", "rule": ""}
        return Imported(name, "created", differences.between(nothing, document))
    found = differences.between(before, document)
    return Imported(name, "changed" if found else "unchanged", found)
