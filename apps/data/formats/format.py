"""What a reader gives: rows, and rows that it could not read."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.jobs.errors import PermanentError

COLUMNS_MAX = 200
CELL_MAX_CHARACTERS = 32_768
NAME_MAX_CHARACTERS = 200


class BadFile(PermanentError):
    """The file as a whole can't be imported. The message names the line where there is one."""


class Kind(models.TextChoices):
    """Why a row could not be imported."""

    CELLS = "cells", _("wrong number of cells")
    QUOTES = "quotes", _("quotes out of place")
    TOO_LONG = "too_long", _("too long")
    TOO_MANY = "too_many", _("too many columns")
    NO_KEY = "no_key", _("no key")
    NOT_JSON = "not_json", _("not a JSON object")


class Row(NamedTuple):
    """One record. `line` is where it starts, counted from 1."""

    line: int
    values: dict[str, Any]


class BadRow(NamedTuple):
    """A record that can't be imported. `column` is empty where the row as a whole is wrong."""

    line: int
    kind: Kind
    message: str
    column: str = ""
    raw: str = ""


@dataclass(frozen=True)
class Options:
    """How to read. An empty delimiter means: find out."""

    encoding: str = "utf-8"
    delimiter: str = ""
