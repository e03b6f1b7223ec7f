"""XLSX: read back as a spreadsheet reads it."""

import re
import zipfile
from datetime import date, datetime
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from apps.jobs.errors import PermanentError
from apps.jobs.reporting import Chart, Column, Figure, Section, Series, Table
from apps.report.formats import xlsx
from apps.report.formats.xlsx import XlsxFormat
from apps.report.tests.documents import document, table_document
from apps.report.tests.sample_reports import COLUMNS, ROWS, Everything


def opened(path: Path) -> Any:
    return openpyxl.load_workbook(path)


@pytest.fixture
def customers(tmp_path: Path) -> Any:
    return opened(XlsxFormat().write(table_document(COLUMNS, *ROWS), tmp_path))["Customers"]


def test_cells_are_typed(customers: Any) -> None:
    assert [cell.value for cell in customers[2]] == ["Ada", 1200, 0.125, 90, datetime(2026, 11, 3, 9, 30)]  # noqa: DTZ001
    assert [cell.data_type for cell in customers[2]] == ["s", "n", "n", "n", "d"]
    assert customers["C2"].number_format == "0.0%"
    assert customers["E3"].value.date() == date(2026, 11, 4)
    assert customers["C3"].value is None


def test_the_header_stays_in_sight_and_filters(customers: Any) -> None:
    assert [cell.value for cell in customers[1]][3] == "Handled in (s)"
    assert customers.freeze_panes == "A2"
    assert customers.auto_filter.ref == "A1:E3"


def test_columns_are_as_wide_as_their_text(tmp_path: Path) -> None:
    columns = (Column("A"), Column("B"), Column("C"))
    rows = ("x" * 30, "y", "z" * 500)
    sheet = opened(XlsxFormat().write(table_document(columns, rows), tmp_path))["Customers"]
    assert [round(sheet.column_dimensions[name].width) for name in "ABC"] == [33, 12, 61]


@pytest.mark.parametrize("first", "=+-@\t\r＝＋－＠{")
def test_no_cell_and_no_header_is_a_formula_or_a_link(first: str, tmp_path: Path) -> None:
    text = f"{first}1+1"
    rows = [(text,), ("https://example.com",), ("mailto:x@example.com",), ("00123",)]
    path = XlsxFormat().write(table_document((Column(text),), *rows), tmp_path)
    with zipfile.ZipFile(path) as archive:
        sheet = archive.read("xl/worksheets/sheet2.xml").decode()
    assert "<f>" not in sheet
    assert "hyperlink" not in sheet
    assert re.findall(r'<c r="A\d"[^>]* t="(\w+)"', sheet) == ["inlineStr"] * 5


def test_numbers_that_a_spreadsheet_would_round_are_text(tmp_path: Path) -> None:
    rows = [(12345678901234567890,), (float("inf"),), (10**14,)]
    sheet = opened(XlsxFormat().write(table_document((Column("A", "number"),), *rows), tmp_path))["Customers"]
    assert [sheet[f"A{row}"].value for row in (2, 3, 4)] == ["12345678901234567890", "inf", 10**14]


def test_text_longer_than_a_cell_ends_with_a_sign(tmp_path: Path) -> None:
    path = XlsxFormat().write(table_document((Column("A"),), ("x" * 40_000,)), tmp_path)
    value = opened(path)["Customers"]["A2"].value
    assert len(value) == 32_767
    assert value.endswith("…")


def test_the_summary_has_the_facts_and_figures(tmp_path: Path) -> None:
    section = Section(
        "Sum", "All.", figures=(Figure("Returned", 0.5, "percent", "of 2"), Figure("None", None))
    )
    sheet = opened(XlsxFormat().write(document(section), tmp_path))["Summary"]
    rows = [row for row in sheet.iter_rows(values_only=True, max_col=3) if any(row)]
    assert rows[0][0] == "Sales"
    assert rows[2] == ("Since", "2026-11-01", None)
    assert rows[-2] == ("Returned", 0.5, "of 2")


def test_charts_are_native_and_point_at_their_numbers(tmp_path: Path) -> None:
    path = XlsxFormat().write(document(*Everything().build(since=None, until=None)), tmp_path)  # type: ignore[arg-type]
    with zipfile.ZipFile(path) as archive:
        charts = [archive.read(name).decode() for name in archive.namelist() if "charts/chart" in name]
    assert len(charts) == 3
    assert "'Bars (chart)'!$B$2:$B$6" in charts[0]
    assert 'grouping val="stacked"' in charts[1]
    assert "<c:lineChart>" in charts[2]


@pytest.mark.parametrize(
    ("headings", "expected"),
    [
        (["a/b:c*d?[e]\\"], ["a b c d  e"]),
        (["x" * 40], ["x" * 31]),
        (["Same", "same", "SAME"], ["Same", "same (2)", "SAME (3)"]),
        (["x" * 40, "x" * 40], ["x" * 31, "x" * 27 + " (2)"]),
        (["", "'quoted'", "History", "Summary"], ["Table", "quoted", "History (2)", "Summary (2)"]),
    ],
)
def test_any_heading_becomes_a_sheet_of_its_own(
    headings: list[str], expected: list[str], tmp_path: Path
) -> None:
    tables = [Section(heading, table=Table((Column("A"),), [("a",)])) for heading in headings]
    assert opened(XlsxFormat().write(document(*tables), tmp_path)).sheetnames[1:] == expected


def test_more_rows_than_a_sheet_holds_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx, "ROWS_MAX", 3)
    with pytest.raises(PermanentError, match="Customers has more than 2 rows: choose csv"):
        XlsxFormat().write(table_document(COLUMNS, ROWS[0], ROWS[0], ROWS[0]), tmp_path)


def test_an_empty_chart_is_left_out(tmp_path: Path) -> None:
    chart = Chart("bars", (), (Series("Jobs", ()),))
    assert opened(XlsxFormat().write(document(Section("Days", chart=chart)), tmp_path)).sheetnames == [
        "Summary"
    ]
