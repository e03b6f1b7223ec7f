"""Schedules as YAML, one entry for each by its name: what differs from the defaults."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask

from apps.schedules import documents, yamltext
from apps.schedules.documents import FIELDS, JSON_FIELDS, Document


class CannotExport(Exception):
    """Some schedules have what no file can say; the message names each, and the field."""


def text(schedules: Iterable[PeriodicTask]) -> str:
    """For `importing`; sorted by name. Raises CannotExport."""
    found = sorted(map(documents.of, schedules), key=lambda document: str(document["name"]))
    problems = [problem for document in found for problem in unreadable(document)]
    if problems:
        raise CannotExport("\n".join(problems))
    return yamltext.dump({document["name"]: entry(document) for document in found})


def entry(document: Document) -> dict[str, Any]:
    """Without the name, and without what is as it is by default."""
    return {
        field: document[field]
        for field in FIELDS[1:]
        if not documents.same(document[field], documents.default(document, field))
    }


def unreadable(document: Document) -> list[str]:
    return [
        _("%(name)s: %(field)s: expected JSON, got %(text)s")
        % {"name": document["name"], "field": field, "text": document[field][:60]}
        for field in JSON_FIELDS
        if isinstance(document[field], str)
    ]
