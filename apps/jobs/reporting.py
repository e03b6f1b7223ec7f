"""What a report is made of. An app lists its report classes as REPORTS in its `reports.py`.

    class Sales:
        name = "sales"
        title = _("Sales")
        description = _("What was sold each day.")

        def build(self, since: date, until: date, region: str = "all") -> Iterator[Section]:
            yield Section(_("Sold"), table=Table((Column("Day", "date"), Column("Items", "number")), rows))

REPORTS = [Sales]

The arguments of `build` are the report's parameters: checked against their type hints, asked for in
a form, given on the command line. `since` and `until` (both inclusive) become the last 30 days where
they have no default of their own and nobody gives them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["text", "number", "percent", "duration", "date"]
Tone = Literal["", "success", "failure", "retry", "revoked", "pending", "started", "held"]


@dataclass(frozen=True)
class Column:
    """`kind` decides how a value is shown and typed.

    number: int, float or Decimal. percent: a fraction, 0.25 is 25 %. duration: timedelta or seconds.
    date: date or datetime. None is an empty cell in all of them.
    """

    name: str
    kind: Kind = "text"


@dataclass(frozen=True)
class Table:
    """`rows` may be an iterator of any length: it is read once, row by row."""

    columns: Sequence[Column]
    rows: Iterable[Sequence[Any]]


@dataclass(frozen=True)
class Series:
    """One value for each label of the chart; None is a gap. `tone` gives it the colour of a state."""

    name: str
    values: Sequence[float | None]
    tone: Tone = ""


@dataclass(frozen=True)
class Chart:
    """Small: a few series with at most some hundred labels. `unit` is the kind of its values.

    The values of a duration are seconds, those of a percent fractions.
    """

    shape: Literal["bars", "stacked", "line"]
    labels: Sequence[str]
    series: Sequence[Series]
    unit: Literal["number", "percent", "duration"] = "number"


@dataclass(frozen=True)
class Figure:
    """One number that matters, such as Failed: 12, "of 340 jobs"."""

    label: str
    value: Any
    kind: Kind = "number"
    note: str = ""
    tone: Tone = ""


@dataclass(frozen=True)
class Section:
    """A heading and what stands below it, in this order. Headings are unique within a report."""

    heading: str
    text: str = ""
    figures: Sequence[Figure] = ()
    chart: Chart | None = None
    table: Table | None = None


@dataclass(frozen=True)
class Choices:
    """Limits a parameter to what `find` returns at that time: `Annotated[str, Choices(names)]`."""

    find: Callable[[], Sequence[str]]
