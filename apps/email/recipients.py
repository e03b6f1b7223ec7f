"""The people of a mailing: as a task gets them, and as people paste or save them."""

import csv
import json
from typing import Annotated, Any

from django.utils.translation import gettext as _
from pydantic import AfterValidator

from apps.email import texts
from apps.email.addresses import bare, parse

LIMIT, BYTES_LIMIT, SHOWN_PROBLEMS = 10_000, 5_000_000, 5
COLUMN = "to_email"

Recipient = dict[str, Any]


def checked(given: list[str | Recipient]) -> list[str | Recipient]:
    """Each as {"to_email", "context"}. Raises ValueError that names the first bad ones."""
    if not 1 <= len(given) <= LIMIT:
        raise ValueError(
            _("expected 1 to %(limit)d recipients, got %(count)d") % {"limit": LIMIT, "count": len(given)}
        )
    found: list[str | Recipient] = []
    problems = []
    for number, item in enumerate(given, start=1):
        try:
            found.append(one(item))
        except ValueError as error:
            problems.append(_("number %d: %s") % (number, error))
    if problems:
        raise ValueError("; ".join(problems[:SHOWN_PROBLEMS] + ["…"] * (len(problems) > SHOWN_PROBLEMS)))
    if len(json.dumps(found)) > BYTES_LIMIT:
        raise ValueError(_("expected at most %d bytes as JSON") % BYTES_LIMIT)
    return found


def one(item: str | Recipient) -> Recipient:
    if isinstance(item, str):
        return {"to_email": parse(item), "context": {}}
    address, context = item.get("to_email"), item.get("context", {})
    if not isinstance(address, str) or not isinstance(context, dict) or item.keys() - {"to_email", "context"}:
        raise ValueError(_('expected an address or {"to_email": …, "context": {…}}'))
    return {"to_email": parse(address), "context": texts.context(context)}


def without_duplicates(given: list[str | Recipient]) -> list[Recipient]:
    """The first of each address, however it is capitalised."""
    first: dict[str, Recipient] = {}
    for recipient in map(one, given):
        first.setdefault(bare(recipient["to_email"]), recipient)
    return list(first.values())


def read(text: str) -> list[str | Recipient]:
    """One address a line; or CSV whose header has `to_email`, the other columns being the context.

    Raises ValueError on a broken table. Addresses are not checked yet.
    """
    lines = [line for line in text.removeprefix("\ufeff").splitlines() if line.strip()]
    if not lines or COLUMN not in next(csv.reader(lines[:1])):
        return [line.strip() for line in lines if not line.lstrip().startswith("#")]
    try:
        rows = list(csv.DictReader(lines, strict=True))
    except csv.Error as error:
        raise ValueError(_("the table can't be read: %s") % error) from None
    return [from_row(number, row) for number, row in enumerate(rows, start=2)]


def from_row(number: int, row: dict[str, Any]) -> Recipient:
    if None in row or None in row.values():
        raise ValueError(_("line %d has another number of columns than the header") % number)
    return {"to_email": row.pop(COLUMN), "context": row}


Recipients = Annotated[list[str | Recipient], AfterValidator(checked)]
