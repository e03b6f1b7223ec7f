"""Reports that stand for a team's own."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from apps.jobs.reporting import Chart, Choices, Column, Figure, Section, Series, Table

COLUMNS = (
    Column("Customer"),
    Column("Orders", "number"),
    Column("Returned", "percent"),
    Column("Handled in", "duration"),
    Column("Last order", "date"),
)
ROWS = (
    ("Ada", 1200, 0.125, timedelta(seconds=90), datetime(2026, 11, 3, 9, 30, tzinfo=UTC)),
    ("布劳恩", Decimal("3.50"), None, 0.25, date(2026, 11, 4)),
)


class Everything:
    """Each part a section can have, in each kind."""

    name = "everything"
    title = "Everything"
    description = "All parts and kinds."

    def build(
        self,
        *,
        since: date,
        until: date,
        region: Annotated[str | None, Choices(lambda: ["north", "south"])] = None,
        top: Annotated[int, Field(ge=1, le=100, description="How many customers.")] = 10,
        order: Literal["name", "orders"] = "name",
        drafts: bool = False,
    ) -> Iterator[Section]:
        yield Section("Summary", f"{region} {top} {order} {drafts}", figures=FIGURES)
        labels = [f"2026-11-{day:02}" for day in range(1, 31)]
        up, down = range(30), [30 - day if day % 7 else None for day in range(30)]
        yield Section("Bars", chart=Chart("bars", labels[:5], (Series("Orders", [3, 1, 4, 1, 5]),)))
        yield Section(
            "Stacked", chart=Chart("stacked", labels, (Series("Up", up, "success"), Series("Down", down)))
        )
        yield Section("Line", chart=Chart("line", labels, (Series("Wait", down),), unit="duration"))
        yield Section("Customers", table=Table(COLUMNS, iter(ROWS)))


FIGURES = (
    Figure("Orders", 1234, note="in 30 days"),
    Figure("Returned", 0.031, "percent", tone="failure"),
    Figure("Handled in", timedelta(minutes=3, seconds=4), "duration"),
    Figure("Best day", date(2026, 11, 4), "date"),
    Figure("Worst day", None),
)


class Customers:
    """One table, no period."""

    name = "customers"
    title = "Customers"
    description = "Who they are."

    def build(self) -> Iterator[Section]:
        yield Section("Customers", table=Table(COLUMNS, iter(ROWS)))


class Nothing:
    """Parts of every sort with nothing in them."""

    name = "nothing"
    title = "Nothing"
    description = "A report about nothing."

    def build(self) -> Iterator[Section]:
        yield Section("Bars", chart=Chart("bars", (), (Series("Orders", ()),)))
        yield Section("Line", chart=Chart("line", ("a", "b"), (Series("Wait", (None, None)),)))
        yield Section("Zero", chart=Chart("stacked", ("a", "b"), (Series("Orders", (0, 0)),)))
        yield Section("Customers", table=Table(COLUMNS, ()))


class NoSections(Nothing):
    name = "no_sections"

    def build(self) -> Iterator[Section]:
        return iter(())


class Broken:
    """Fails after it has given some rows."""

    name = "broken"
    title = "Broken"
    description = "Fails half way."
    works = False

    def build(self) -> Iterator[Section]:
        yield Section("Fine", table=Table((Column("A"),), [("a",)]))
        if not Broken.works:
            raise OSError("the disk is on fire")


class Many:
    name = "many"
    title = "Many rows"
    description = "As many rows as one asks for."

    def build(self, rows: int) -> Iterator[Section]:
        columns = (
            Column("Name"),
            Column("Number", "number"),
            Column("Share", "percent"),
            Column("Day", "date"),
        )
        day = date(2026, 1, 1)
        yield Section("Rows", table=Table(columns, ((f"row {n}", n, n / rows, day) for n in range(rows))))


SAMPLES = (Everything, Customers, Nothing, NoSections, Broken, Many)
