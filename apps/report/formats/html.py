"""HTML: one file that needs nothing else. Charts are inline SVG, and there is no script in it."""

import base64
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _

from apps.jobs.reporting import Column, Figure, Section, Table
from apps.report.cells import NUMERIC, words
from apps.report.document import Document, table_of
from apps.report.drawing import Drawing

ROWS_SHOWN = 1000


class HtmlFormat:
    """Shows the first ROWS_SHOWN rows of a table; the other formats have all of them."""

    name = "html"
    title = "HTML"

    def write(self, document: Document, folder: Path) -> Path:
        style = render_to_string("report/document/style.css")
        context = {
            "document": document,
            # In Python and not in the template, whose loop would ask for all sections before the first.
            "sections": [rendered(*numbered) for numbered in enumerate(document.sections, start=1)],
            "style": style,
            "style_hash": content_hash(style),
        }
        path = folder / "report.html"
        text = render_to_string("report/document/page.html", context).lstrip()
        path.write_text(text, encoding="utf-8")
        return path


def rendered(number: int, section: Section) -> SafeString:
    view = SectionView(section)
    return render_to_string("report/document/section.html", {"number": number, "view": view})


@dataclass(frozen=True)
class SectionView:
    """A section as the template reads it."""

    section: Section

    def figures(self) -> list[tuple[Figure, str]]:
        return [(figure, words(figure.value, figure.kind)) for figure in self.section.figures]

    def drawing(self) -> Drawing | None:
        return Drawing(self.section.chart) if self.section.chart else None

    def chart_table(self) -> "TableView | None":
        return TableView(table_of(self.section.chart, _("Label"))) if self.section.chart else None

    def table(self) -> "TableView | None":
        return TableView(self.section.table) if self.section.table else None


class TableView:
    """The first rows of a table as words."""

    limit = ROWS_SHOWN

    def __init__(self, table: Table) -> None:
        self.columns = [(column.name, css(column)) for column in table.columns]
        rows = list(islice(cells(table.columns, table.rows), self.limit + 1))
        self.rows, self.has_more = rows[: self.limit], len(rows) > self.limit


def cells(columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> Iterator[list[tuple[str, str]]]:
    classes = [css(column) for column in columns]
    kinds = [column.kind for column in columns]
    for row in rows:
        yield [(words(*cell), name) for *cell, name in zip(row, kinds, classes, strict=True)]


def css(column: Column) -> str:
    return "num" if column.kind in NUMERIC else "date" if column.kind == "date" else ""


def content_hash(text: str) -> str:
    """As a Content-Security-Policy wants it: only this very style is applied."""
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()
