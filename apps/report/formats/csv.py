"""CSV: the tables of a report. One table is one .csv file; several are a .zip with one each."""

import csv
import zipfile
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

from django.utils.text import slugify
from django.utils.translation import gettext as _

from apps.jobs.reporting import Section, Table
from apps.report.cells import caption, harmless, typed
from apps.report.document import Document, table_of


class CsvFormat:
    """UTF-8 with a byte order mark, which Excel needs, and line ends of RFC 4180.

    A chart that stands without a table is written as one.
    """

    name = "csv"
    title = "CSV"

    def write(self, document: Document, folder: Path) -> Path:
        written = [
            write_table(table, folder / f"{number:02}-{slugify(heading)[:60] or 'table'}.csv")
            for number, (heading, table) in enumerate(tables(document), start=1)
        ]
        if len(written) > 1:
            return zipped(written, folder / "report.zip")
        return written[0] if written else write_table(Table((), ()), folder / "report.csv")


def tables(document: Document) -> Iterator[tuple[str, Table]]:
    for section in document.sections:
        table = table_in(section)
        if table is not None:
            yield section.heading, table


def table_in(section: Section) -> Table | None:
    if section.table is None and section.chart is not None:
        return table_of(section.chart, _("Label"))
    return section.table


def write_table(table: Table, path: Path) -> Path:
    with path.open("w", encoding="utf-8-sig", newline="") as file:
        writer = csv.writer(file)
        if table.columns:
            writer.writerow(harmless(caption(column.name, column.kind)) for column in table.columns)
        for row in table.rows:
            writer.writerow(map(cell, row))
    return path


def cell(value: Any) -> Any:
    data = typed(value)
    if isinstance(data, str):
        return harmless(data)
    return data.isoformat(" ", "seconds") if isinstance(data, datetime) else data


def zipped(paths: list[Path], target: Path) -> Path:
    with zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in paths:
            archive.write(path, path.name)
    return target
