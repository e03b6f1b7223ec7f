"""CSV: what a spreadsheet finds in it."""

import csv
import zipfile
from pathlib import Path

import pytest

from apps.jobs.reporting import Chart, Column, Section, Series, Table
from apps.report.formats.csv import CsvFormat
from apps.report.tests.documents import document, table_document
from apps.report.tests.sample_reports import COLUMNS, ROWS


def written(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8-sig", newline="") as file:
        return list(csv.reader(file))


def test_one_table_is_one_file(tmp_path: Path) -> None:
    path = CsvFormat().write(table_document(COLUMNS, *ROWS), tmp_path)
    assert path.suffix == ".csv"
    assert written(path) == [
        ["Customer", "Orders", "Returned", "Handled in (s)", "Last order"],
        ["Ada", "1200", "0.125", "90.0", "2026-11-03 09:30:00"],
        ["布劳恩", "3.50", "", "0.25", "2026-11-04"],
    ]


def test_it_begins_with_a_byte_order_mark_and_ends_lines_as_the_rfc_says(tmp_path: Path) -> None:
    path = CsvFormat().write(table_document((Column("A"),), ("b",)), tmp_path)
    assert path.read_bytes() == b"\xef\xbb\xbfA\r\nb\r\n"


@pytest.mark.parametrize("first", "=+-@\t\r＝＋－＠")
def test_no_cell_and_no_header_is_a_formula(first: str, tmp_path: Path) -> None:
    text = f'{first}HYPERLINK("http://x","y")'
    path = CsvFormat().write(table_document((Column(text),), (text,), (f"fine\n{text}",)), tmp_path)
    header, cell, second_line = (row[0] for row in written(path))
    assert header.startswith("'" + first)
    assert cell.startswith("'" + first)
    assert second_line.startswith("fine\n'" + first)


def test_negative_numbers_stay_numbers(tmp_path: Path) -> None:
    path = CsvFormat().write(table_document((Column("A", "number"),), (-5,), (-0.5,)), tmp_path)
    assert written(path)[1:] == [["-5"], ["-0.5"]]


def test_quotes_commas_and_line_breaks_survive(tmp_path: Path) -> None:
    text = 'say "hi",\nthen go'
    path = CsvFormat().write(table_document((Column("A"),), (text,)), tmp_path)
    assert written(path)[1] == [text]


def test_several_tables_are_a_zip_with_one_file_each(tmp_path: Path) -> None:
    tables = [Section(name, table=Table(COLUMNS, iter(ROWS))) for name in ("Good", "../Bad / one", "")]
    path = CsvFormat().write(document(*tables), tmp_path)
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ["01-good.csv", "02-bad-one.csv", "03-table.csv"]
        assert archive.testzip() is None


def test_a_chart_without_a_table_is_written_as_one(tmp_path: Path) -> None:
    chart = Chart("line", ("Mon", "Tue"), (Series("Wait", (1.5, None)),), "duration")
    path = CsvFormat().write(document(Section("Days", "text", chart=chart)), tmp_path)
    assert written(path) == [["Label", "Wait (s)"], ["Mon", "1.5"], ["Tue", ""]]


def test_a_report_without_tables_is_an_empty_file(tmp_path: Path) -> None:
    assert written(CsvFormat().write(document(Section("Words", "only")), tmp_path)) == []
