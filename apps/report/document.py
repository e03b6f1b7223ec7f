"""A report on its way into a file."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from apps.jobs.errors import PermanentError
from apps.jobs.progress import track
from apps.jobs.reporting import Chart, Column, Section, Table


@dataclass(frozen=True)
class Document:
    """`facts` are the parameters in words; `sections` is read once, from start to end."""

    title: str
    description: str
    facts: Mapping[str, str]
    made: datetime
    sections: Iterable[Section]


class Tally:
    """Counts the rows that pass, and shows them as the job's progress."""

    def __init__(self) -> None:
        self.rows = 0

    def through(self, sections: Iterable[Section]) -> Iterator[Section]:
        """The same sections, with tables that count. A row must fit its columns: PermanentError."""
        for section in sections:
            check_chart(section)
            table = section.table
            if table is None:
                yield section
            else:
                rows = self.counted(track(table.rows, message=section.heading), section.heading, table)
                yield replace(section, table=replace(table, rows=rows))

    def counted(self, rows: Iterable[Sequence[Any]], heading: str, table: Table) -> Iterator[Sequence[Any]]:
        width = len(table.columns)
        for number, row in enumerate(rows, start=1):
            if len(row) != width:
                raise PermanentError(f"{heading}: row {number} has {len(row)} values for {width} columns")
            self.rows += 1
            yield row


def check_chart(section: Section) -> None:
    for series in section.chart.series if section.chart else ():
        if section.chart and len(series.values) != len(section.chart.labels):
            raise PermanentError(
                f"{section.heading}: series {series.name} has {len(series.values)} values "
                f"for {len(section.chart.labels)} labels"
            )


def table_of(chart: Chart, label: str) -> Table:
    """The values of a chart as a table: for readers who can't see it, and for formats that can't draw."""
    columns = [Column(label), *(Column(series.name, chart.unit) for series in chart.series)]
    rows = zip(chart.labels, *(series.values for series in chart.series), strict=True)
    return Table(columns, list(rows))
