"""The schedules that the code declares: settings.SHIPPED_SCHEDULES, as documents."""

import json
from dataclasses import fields
from typing import Any

from django.conf import settings

from apps.schedules import checking, shaping
from apps.schedules.documents import Document
from apps.schedules.shaping import BadDocument


class BadDeclaration(Exception):
    """A row of project/recurring.py can't be; the message names the row and what was expected."""


def declared() -> dict[str, Document]:
    """All of them by name, checked. Raises BadDeclaration."""
    return {row.name: checked(row) for row in settings.SHIPPED_SCHEDULES}


def find(name: str) -> Document | None:
    """What the code says of this one; None: nothing. Raises BadDeclaration, if it isn't even readable."""
    rows = [row for row in settings.SHIPPED_SCHEDULES if row.name == name]
    return document(rows[-1]) if rows else None


def checked(row: Any) -> Document:
    """A row of project/recurring.py as a document. Raises BadDeclaration."""
    found = document(row)
    if problems := checking.complaints(found, before=found):
        raise BadDeclaration(f"schedule {row.name!r}: {BadDocument(problems)}")
    return found


def document(row: Any) -> Document:
    values = {field.name: getattr(row, field.name) for field in fields(row)}
    try:
        values["kwargs"] = json.loads(json.dumps(dict(row.kwargs)))
        return shaping.shaped({**values, "description": str(row.description)})
    except (BadDocument, TypeError, ValueError) as error:
        raise BadDeclaration(f"schedule {row.name!r}: {error}") from error
