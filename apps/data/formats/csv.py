"""CSV: a header line, then one record a line; a quoted cell may span lines."""

import csv
from collections.abc import Iterator
from itertools import chain

from django.utils.translation import gettext as _

from apps.data.formats.format import (
    CELL_MAX_CHARACTERS,
    COLUMNS_MAX,
    NAME_MAX_CHARACTERS,
    BadFile,
    BadRow,
    Kind,
    Options,
    Row,
)  # fmt: skip
from apps.data.formats.lines import LINE_MAX_CHARACTERS, Reader

RECORD_MAX_LINES = 10_000
DELIMITERS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "bar"}


class CsvReader(Reader):
    suffixes = (".csv", ".tsv", ".txt")

    def begin(self, options: Options) -> None:
        first = self.lines.first()
        self.delimiter = options.delimiter or sniff(first)
        self.taken, self.size = list[str](), 0  # the lines of the record being read
        try:
            self.columns = header(next(self.records(first)))
        except csv.Error as error:
            raise BadFile(_("the header can't be read: %s") % error) from None

    def __iter__(self) -> Iterator[Row | BadRow]:
        records = self.records()
        while True:
            start, self.taken, self.size = self.lines.number + 1, [], 0
            try:
                cells = next(records, None)
            except csv.Error as error:
                yield self.unreadable(start, error)
                continue
            if cells is None:
                return
            if cells:
                yield self.item(start, cells)

    def records(self, *first: str) -> Iterator[list[str]]:
        return csv.reader(chain(first, self.feed()), delimiter=self.delimiter, strict=True)

    def feed(self) -> Iterator[str]:
        """Lines for the parser, which takes no more than its record needs; bounds the record."""
        for line in self.lines:
            self.taken.append(line)
            self.size += len(line)
            if len(self.taken) > RECORD_MAX_LINES or self.size > LINE_MAX_CHARACTERS:
                raise unclosed(self.lines.number - len(self.taken) + 1)
            yield line

    @property
    def text(self) -> str:
        return "".join(self.taken)

    def item(self, line: int, cells: list[str]) -> Row | BadRow:
        if len(cells) != len(self.columns):
            problem = _("expected %d cells, got %d") % (len(self.columns), len(cells))
            return BadRow(line, Kind.CELLS, problem, raw=self.text)
        if self.size > CELL_MAX_CHARACTERS:
            for column, cell in zip(self.columns, cells, strict=True):
                if len(cell) > CELL_MAX_CHARACTERS:
                    return BadRow(line, Kind.TOO_LONG, too_long(cell), column, self.text)
        return Row(line, dict(zip(self.columns, cells, strict=True)))

    def unreadable(self, start: int, error: csv.Error) -> BadRow:
        """One bad line costs a row. A quote that never closes would swallow the rest of the file."""
        if "unexpected end" in str(error):
            raise unclosed(start)
        if "field limit" not in str(error):
            return BadRow(start, Kind.QUOTES, _("a quote stands inside a cell"), raw=self.text)
        if self.lines.number > start:
            raise unclosed(start)
        return BadRow(start, Kind.TOO_LONG, too_long(self.text), raw=self.text)


def sniff(line: str) -> str:
    """The delimiter that the header has most of, outside quotes; a comma if it has none."""
    bare = "".join(line.split('"')[::2])
    return max(DELIMITERS, key=bare.count)


def header(cells: list[str]) -> list[str]:
    """The column names, trimmed. Raises BadFile."""
    if len(cells) > COLUMNS_MAX:
        raise BadFile(_("expected at most %d columns, got %d") % (COLUMNS_MAX, len(cells)))
    names = [cell.strip() for cell in cells]
    for place, name in enumerate(names, start=1):
        if not 0 < len(name) <= NAME_MAX_CHARACTERS:
            numbers = (place, NAME_MAX_CHARACTERS, len(name))
            raise BadFile(_("column %d: expected a name of 1 to %d characters, got %d") % numbers)
        if names.count(name) > 1:
            raise BadFile(_("the header has the column %r more than once") % name)
    if not any(character.isalpha() for name in names for character in name):
        raise BadFile(_("expected column names in the first line, got data: %s") % ", ".join(names)[:200])
    return names


def unclosed(line: int) -> BadFile:
    return BadFile(_("line %d: a quote is never closed, or its cell is too long") % line)


def too_long(cell: str) -> str:
    return _("expected at most %d characters in a cell, got %d") % (CELL_MAX_CHARACTERS, len(cell))
