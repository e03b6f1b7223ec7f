"""XLSX: a summary sheet with figures and native charts, and one sheet for each table."""

import re
from collections.abc import Sequence
from datetime import date, datetime
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _

from apps.jobs.errors import PermanentError
from apps.jobs.reporting import Chart, Column, Kind, Section, Table
from apps.report.cells import caption, typed
from apps.report.document import Document, table_of

ROWS_MAX = 1_048_576
TEXT_MAX = 32_767
EXACT_MAX = 10**15  # beyond it a spreadsheet rounds
WIDTH_MIN, WIDTH_MOMENT, WIDTH_MAX = 11, 20, 60
CHART_ROWS, CHART_PIXELS = 17, (760, 320)
FORBIDDEN = re.compile(r"[\[\]:*?/\\\x00-\x1f]")
NUMBER_FORMATS = {"number": "#,##0.###", "percent": "0.0%", "duration": "#,##0.000", "date": "yyyy-mm-dd"}
SHAPES = {
    "bars": {"type": "column"},
    "stacked": {"type": "column", "subtype": "stacked"},
    "line": {"type": "line"},
}
PALETTE = ("#2F6BC8", "#E08A1E", "#1E8F8F", "#A8439B", "#5B9A34", "#667085")
TONES = {
    "success": "#2BA36A", "failure": "#D23F36", "started": "#3B7DDD", "retry": "#DB9A26",
    "held": "#8A5CC7", "pending": "#B3B8C4", "revoked": "#767D8C",
}  # fmt: skip


class XlsxFormat:
    """Text is never taken for a formula or a link; durations are seconds, percents fractions."""

    name = "xlsx"
    title = "XLSX"

    def write(self, document: Document, folder: Path) -> Path:
        import xlsxwriter  # takes a tenth of a second, which only this format shall pay

        path = folder / "report.xlsx"
        options = {
            "constant_memory": True,
            "strings_to_formulas": False,
            "strings_to_urls": False,
            "strings_to_numbers": False,
            "tmpdir": str(folder),
            "default_date_format": NUMBER_FORMATS["date"],
        }
        with xlsxwriter.Workbook(str(path), options) as workbook:
            Book(workbook).write(document)
        return path


class Book:
    """A workbook in the making. In constant memory a sheet is written strictly downwards."""

    def __init__(self, workbook: Any) -> None:
        self.workbook = workbook
        self.names: set[str] = {"history"}  # which Excel keeps for itself
        self.styles = {
            kind: workbook.add_format({"num_format": code}) for kind, code in NUMBER_FORMATS.items()
        }
        self.moment = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"})
        self.bold = workbook.add_format({"bold": True})
        self.title = workbook.add_format({"bold": True, "font_size": 16})
        self.header = workbook.add_format({"bold": True, "bottom": 1, "bg_color": "#F0F2F5"})
        self.summary = self.add_sheet(_("Summary"))
        self.row = 0

    def write(self, document: Document) -> None:
        self.write_head(document)
        for section in document.sections:
            self.write_section(section)

    def write_head(self, document: Document) -> None:
        self.summary.set_column(0, 0, 30)
        self.summary.set_column(1, 12, 14)
        self.line((document.title, self.title))
        self.line((document.description, None))
        for name, value in {**document.facts, _("Made"): f"{document.made:%Y-%m-%d %H:%M %Z}"}.items():
            self.line((name, self.bold), (value, None))

    def write_section(self, section: Section) -> None:
        if section.text or section.figures or section.chart:
            self.row += 1
            self.line((section.heading, self.bold))
        if section.text:
            self.line((section.text, None))
        for figure in section.figures:
            self.text(self.summary, self.row, 0, caption(figure.label, figure.kind))
            self.cell(self.summary, (self.row, 1), figure.value, figure.kind)
            self.text(self.summary, self.row, 2, figure.note)
            self.row += 1
        if section.chart and section.chart.labels and section.chart.series:
            self.write_chart(section.heading, section.chart)
        if section.table:
            self.write_table(section.heading, section.table)

    def write_chart(self, heading: str, chart: Chart) -> None:
        """The chart on the summary; its numbers on a sheet of their own, which it refers to."""
        sheet = self.write_table(_("%(heading)s (chart)") % {"heading": heading}, table_of(chart, _("Label")))
        drawn = self.workbook.add_chart(SHAPES[chart.shape])
        last = len(chart.labels)
        for index, series in enumerate(chart.series):
            colour = TONES.get(series.tone) or PALETTE[index % len(PALETTE)]
            paint = {"line": {"color": colour, "width": 2}}
            drawn.add_series({
                "name": [sheet, 0, index + 1],
                "categories": [sheet, 1, 0, last, 0],
                "values": [sheet, 1, index + 1, last, index + 1],
                "gap": 40,
                **(paint if chart.shape == "line" else {"fill": {"color": colour}}),
            })  # fmt: skip
        drawn.set_title({"name": heading, "overlay": False, "name_font": {"size": 12}})
        drawn.set_legend({"position": "bottom"} if len(chart.series) > 1 else {"none": True})
        drawn.set_y_axis({"num_format": NUMBER_FORMATS[chart.unit], "major_gridlines": {"visible": True}})
        drawn.set_size({"width": CHART_PIXELS[0], "height": CHART_PIXELS[1]})
        self.summary.insert_chart(self.row, 0, drawn, {"description": heading})
        self.row += CHART_ROWS

    def write_table(self, heading: str, table: Table) -> str:
        """One sheet, its header in the first row and kept in sight. Returns the sheet's name."""
        sheet = self.add_sheet(heading)
        widths = [max(WIDTH_MIN, len(caption(column.name, column.kind)) + 2) for column in table.columns]
        for index, column in enumerate(table.columns):
            self.text(sheet, 0, index, caption(column.name, column.kind), self.header)
        last = 0
        for last, row in enumerate(table.rows, start=1):
            if last >= ROWS_MAX:
                raise PermanentError(f"{heading} has more than {ROWS_MAX - 1} rows: choose csv")
            self.write_row(sheet, last, row, table.columns)
            widths = [max(pair) for pair in zip(widths, map(width_of, row), strict=True)]
        for index, width in enumerate(widths):
            sheet.set_column(index, index, min(width, WIDTH_MAX))
        sheet.freeze_panes(1, 0)
        if table.columns:
            sheet.autofilter(0, 0, last, len(table.columns) - 1)
        return str(sheet.get_name())

    def write_row(self, sheet: Any, number: int, row: Sequence[Any], columns: Sequence[Column]) -> None:
        for index, (value, column) in enumerate(zip(row, columns, strict=True)):
            self.cell(sheet, (number, index), value, column.kind)

    def cell(self, sheet: Any, place: tuple[int, int], value: Any, kind: Kind) -> None:
        data = typed(value)
        if data is None:
            return
        if isinstance(data, datetime):
            sheet.write_datetime(*place, data, self.moment)
        elif isinstance(data, date):
            sheet.write_datetime(*place, data, self.styles["date"])
        elif isinstance(data, str) or abs(data) >= EXACT_MAX:
            self.text(sheet, *place, str(data))
        else:
            sheet.write_number(*place, data, self.styles.get(kind))

    def text(self, sheet: Any, row: int, column: int, text: str, style: Any = None) -> None:
        """Typed as text, whatever it begins with."""
        if text:
            short = text if len(text) <= TEXT_MAX else f"{text[: TEXT_MAX - 1]}…"
            sheet.write_string(row, column, short, style)

    def line(self, *cells: tuple[str, Any]) -> None:
        for index, (text, style) in enumerate(cells):
            self.text(self.summary, self.row, index, text, style)
        self.row += 1

    def add_sheet(self, heading: str) -> Any:
        """A sheet of a name that Excel takes: 31 letters, none forbidden, each name once."""
        plain = FORBIDDEN.sub(" ", heading).strip("' ")[:31] or _("Table")
        name, number = plain, 1
        while name.lower() in self.names:
            number += 1
            name = f"{plain[: 31 - len(str(number)) - 3]} ({number})"
        self.names.add(name.lower())
        return self.workbook.add_worksheet(name)


def width_of(value: Any) -> int:
    """In letters, as a column's width is."""
    if isinstance(value, str):
        return len(value) + 2
    return WIDTH_MOMENT if isinstance(value, datetime) else WIDTH_MIN
