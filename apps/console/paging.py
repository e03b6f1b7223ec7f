"""Keyset paging: a page starts where the last one ended, so page one thousand costs what page one does.

For rows in the order (-date_created, -id); the id keeps rows of the same moment apart.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Q, QuerySet
from django.http import QueryDict

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLACE = re.compile(r"(\d{1,17})-(\d{1,18})", re.ASCII)  # microseconds since the epoch, row id
OLDER, NEWER = "before", "after"
Place = tuple[datetime, int]


@dataclass(frozen=True)
class Page:
    """The rows, newest first, and the query strings of the pages beside it."""

    rows: list[Any]
    newer: str | None = None
    older: str | None = None


def page_of(rows: QuerySet[Any], query: QueryDict, size: int) -> Page:
    """The page that the query asks for; a place that makes no sense is the first page."""
    before, after = place(query.get(OLDER)), place(query.get(NEWER))
    if after:
        found = list(rows.filter(beside(after, "gt")).order_by("date_created", "id")[: size + 1])
        if len(found) > size:
            shown = found[:size][::-1]
            return Page(shown, link(query, NEWER, shown[0]), link(query, OLDER, shown[-1]))
    elif before:
        found = list(rows.filter(beside(before, "lt"))[: size + 1])
        if found:
            return Page(found[:size], link(query, NEWER, found[0]), next_link(query, found, size))
    found = list(rows[: size + 1])
    return Page(found[:size], None, next_link(query, found, size))


def place(text: str | None) -> Place | None:
    found = PLACE.fullmatch(text or "")
    return (EPOCH + timedelta(microseconds=int(found[1])), int(found[2])) if found else None


def beside(here: Place, side: str) -> Q:
    """Rows on one side of a place, "lt" or "gt"."""
    moment, row_id = here
    further = Q(**{f"date_created__{side}": moment}) | Q(**{"date_created": moment, f"id__{side}": row_id})
    # This condition says nothing new, but lets the index on the date begin at the place.
    return Q(**{f"date_created__{side}e": moment}) & further


def next_link(query: QueryDict, found: list[Any], size: int) -> str | None:
    return link(query, OLDER, found[size - 1]) if len(found) > size else None


def link(query: QueryDict, direction: str, row: Any) -> str:
    """The same filters, from another place."""
    changed = query.copy()
    changed.pop(OLDER, None)
    changed.pop(NEWER, None)
    microseconds = (row.date_created - EPOCH) // timedelta(microseconds=1)
    changed[direction] = f"{microseconds}-{row.id}"
    return f"?{changed.urlencode()}"
