"""JSON Lines: one JSON object a line."""

import json
import re
from collections.abc import Iterator

from django.utils.translation import gettext as _

from apps.data.formats.format import (
    COLUMNS_MAX,
    NAME_MAX_CHARACTERS,
    BadFile,
    BadRow,
    Kind,
    Options,
    Row,
)  # fmt: skip
from apps.data.formats.lines import Reader

BRACKETS_MAX = 500  # bounds how deep a row can nest
NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")


class JsonReader(Reader):
    suffixes = (".jsonl", ".ndjson")

    def begin(self, options: Options) -> None:
        self.first = self.lines.first()
        if not self.first.lstrip().startswith("{"):
            raise BadFile(_("expected a JSON object in each line, such as {…}, got: %s") % self.first[:100])
        self.first_number = self.lines.number

    def __iter__(self) -> Iterator[Row | BadRow]:
        if self.first_number > self.lines_done_before:
            yield item(self.lines.number, self.first)
        for line in self.lines:
            if line.strip():
                yield item(self.lines.number, line)


def item(number: int, line: str) -> Row | BadRow:
    """The row of one line of JSON, if it can be stored."""
    if line.count("[") + line.count("{") > BRACKETS_MAX:
        problem = _("expected at most %d lists and objects in a row") % BRACKETS_MAX
        return BadRow(number, Kind.TOO_MANY, problem, raw=line)
    try:
        values = json.loads(line)
        check_storable(line, values)
    except ValueError as error:
        return BadRow(number, Kind.NOT_JSON, _("not JSON: %s") % error, raw=line)
    if not isinstance(values, dict):
        return BadRow(number, Kind.NOT_JSON, _("expected an object, {…}"), raw=line)
    if len(values) > COLUMNS_MAX or not all(0 < len(name) <= NAME_MAX_CHARACTERS for name in values):
        numbers = (COLUMNS_MAX, NAME_MAX_CHARACTERS)
        problem = _("expected at most %d names, each of 1 to %d characters") % numbers
        return BadRow(number, Kind.TOO_MANY, problem, raw=line)
    return Row(number, values)


def check_storable(line: str, values: object) -> None:
    """PostgreSQL's jsonb has no place for NaN, infinity, NUL and halves of surrogate pairs."""
    if NUL.search(line):
        raise ValueError("holds a NUL character")
    json.dumps(values, ensure_ascii=False, allow_nan=False).encode()
