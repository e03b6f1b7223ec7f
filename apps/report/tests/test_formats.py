"""One contract for every format, present and future."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from apps.jobs.errors import PermanentError
from apps.jobs.reporting import Chart, Column, Section, Series, Table
from apps.report import formats
from apps.report.document import Tally
from apps.report.format import CONTENT_TYPES, Format
from apps.report.tests.documents import document, streamed, table_document
from apps.report.tests.sample_reports import COLUMNS, ROWS, SAMPLES, Broken, Many

EVERY = pytest.mark.parametrize("found", formats.FORMATS.values(), ids=list(formats.FORMATS))


@EVERY
def test_it_is_listed_under_its_own_name(found: Format) -> None:
    assert formats.find(found.name) is found
    assert found.title


@EVERY
@pytest.mark.parametrize("report", [s for s in SAMPLES if s not in (Broken, Many)], ids=lambda s: s.name)
def test_it_makes_one_file_of_a_known_type(found: Format, report: type, tmp_path: Path) -> None:
    arguments = {"since": None, "until": None} if report.name == "everything" else {}  # type: ignore[attr-defined]
    path = found.write(document(*report().build(**arguments)), tmp_path)
    assert path.parent == tmp_path
    assert path.suffix in CONTENT_TYPES
    assert path.is_file()


@EVERY
def test_it_reads_each_row_once_and_says_how_many(found: Format, tmp_path: Path) -> None:
    tally = Tally()
    sections = tally.through([Section("Customers", table=Table(COLUMNS, iter(ROWS)))])
    found.write(document(*sections), tmp_path)
    assert tally.rows == len(ROWS)


@EVERY
def test_it_asks_for_a_section_only_when_the_one_before_is_written(found: Format, tmp_path: Path) -> None:
    seen: list[str] = []

    def rows(name: str) -> Iterator[Sequence[Any]]:
        seen.append(f"{name} read")
        yield ("Ada", 1, 0.5, 2, None)

    def sections() -> Iterator[Section]:
        for name in ("first", "second"):
            seen.append(f"{name} asked")
            yield Section(name, table=Table(COLUMNS, rows(name)))

    found.write(streamed(sections()), tmp_path)
    assert seen == ["first asked", "first read", "second asked", "second read"]


@EVERY
def test_it_survives_hostile_text(found: Format, tmp_path: Path) -> None:
    hostile = "=cmd|' /C calc'!A0 <script>alert(1)</script> \x00\x07\ufffe 😀 " + "x" * 40_000
    found.write(table_document((Column(hostile),), (hostile,)), tmp_path)


@EVERY
def test_a_row_that_does_not_fit_its_columns_is_named(found: Format, tmp_path: Path) -> None:
    sections = Tally().through([Section("Customers", table=Table(COLUMNS, [ROWS[0], ("Ada", 1)]))])
    with pytest.raises(PermanentError, match="Customers: row 2 has 2 values for 5 columns"):
        found.write(streamed(sections), tmp_path)


@EVERY
def test_a_series_that_does_not_fit_its_labels_is_named(found: Format, tmp_path: Path) -> None:
    sections = Tally().through([Section("Days", chart=Chart("bars", ("a", "b"), (Series("Jobs", (1,)),)))])
    with pytest.raises(PermanentError, match="Days: series Jobs has 1 values for 2 labels"):
        found.write(streamed(sections), tmp_path)


def test_a_misspelled_format_gets_the_nearest_one() -> None:
    with pytest.raises(ValueError, match="no format is named 'xslx'; did you mean 'xlsx'"):
        formats.find("xslx")


def test_pdf_says_what_to_choose_instead() -> None:
    with pytest.raises(ValueError, match="choose html and print it to PDF in the browser"):
        formats.find("pdf")
