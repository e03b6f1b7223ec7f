"""Plain values brought into the shape of a schedule's document: each field of its type, none too many."""

import difflib
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC
from typing import Annotated, Any, Literal

from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from pydantic import AfterValidator, ConfigDict, Field, ValidationError, create_model

from apps.schedules import rules
from apps.schedules.documents import DEFAULTS, FIELDS, Document
from apps.schedules.policies import Missed, Overlap
from apps.schedules.rules import RuleError

WHOLE_MOST = 2**31 - 1  # of the database's columns


class BadDocument(Exception):
    """`problems` maps each bad field to what was expected of it."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__("; ".join(f"{field}: {text}" for field, text in self.problems.items()))


def storable(text: str) -> str:
    try:
        text.encode()
    except UnicodeEncodeError:
        raise ValueError(_("expected text without half characters (surrogates)")) from None
    if "\0" in text:
        raise ValueError(_("expected text without the character NUL"))
    return text


def in_utc(text: str) -> str:
    """A time in ISO 8601 as UTC; without a zone it is meant in the site's."""
    try:
        found = parse_datetime(text)
        moment = rules.aware(found).astimezone(UTC) if found else None
    except (ValueError, OverflowError):
        moment = None
    if moment is None:
        raise ValueError(_("expected a time such as 2026-05-03T09:00:00+02:00, got “%s”") % text[:60])
    return moment.isoformat()


STORABLE = AfterValidator(storable)
Short = Annotated[str, Field(min_length=1, max_length=200), STORABLE]
Whole = Annotated[int, Field(ge=0, le=WHOLE_MOST)]
Moment = Annotated[str, AfterValidator(in_utc)]
TYPES: dict[str, Any] = {
    "name": Short, "task": Short, "rule": Annotated[str, Field(max_length=2000), STORABLE],
    "args": list[Any], "kwargs": dict[str, Any], "headers": dict[str, Any],
    "queue": Short | None, "exchange": Short | None, "routing_key": Short | None, "priority": Whole | None,
    "start": Moment | None, "end": Moment | None, "one_off": bool, "expire_seconds": Whole | None,
    "enabled": bool, "description": Annotated[str, STORABLE],
    "owner": Annotated[str, Field(max_length=150), STORABLE],
    "missed": Literal[tuple(Missed.values)], "overlap": Literal[tuple(Overlap.values)],
    "missed_window_seconds": Whole, "jitter_seconds": Whole, "late_seconds_max": Whole | None,
}  # fmt: skip
SHAPES: dict[str, Any] = {field: (TYPES[field], DEFAULTS.get(field, ...)) for field in FIELDS}
Shape = create_model("Shape", __config__=ConfigDict(strict=True, extra="forbid"), **SHAPES)


def shaped(values: Mapping[str, Any]) -> Document:
    """A whole document: defaults filled in, rule and times in their usual form. Raises BadDocument.

    A rule that can't be read stays as it is, for `checking` to judge.
    """
    try:
        document = Shape.model_validate(dict(values)).model_dump()
    except ValidationError as error:
        raise BadDocument(shape_problems(error)) from None
    with suppress(RuleError):
        document["rule"] = rules.text(rules.parse(document["rule"]))
    document["one_off"] = document["one_off"] or document["rule"].startswith("once ")
    return document


def shape_problems(error: ValidationError) -> dict[str, str]:
    problems: dict[str, str] = {}
    for detail in error.errors(include_url=False, include_input=False):
        field = str(detail["loc"][0])
        text = detail["msg"].removeprefix("Value error, ")
        if detail["type"] == "extra_forbidden":
            near = difflib.get_close_matches(field, FIELDS, n=1)
            hint = _("; did you mean %s?") % near[0] if near else ""
            text = _("there is no such field") + hint
        problems.setdefault(field, text)
    return problems
