"""Memory stays flat however many rows a report has."""

import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import openpyxl
import pytest

from apps.jobs.reporting import Section, Table
from apps.report import formats
from apps.report.document import Tally
from apps.report.tests.documents import streamed
from apps.report.tests.sample_reports import Many

ROWS = 100_000
FLAT_KILOBYTES = 5_000  # a list of these rows takes 30,000


@pytest.mark.slow
@pytest.mark.parametrize("format_name", ["csv", "xlsx"])
def test_a_hundred_thousand_rows_take_no_more_memory_than_a_hundred(format_name: str) -> None:
    command = [sys.executable, "-m", "apps.report.tests.measuring", format_name, str(ROWS)]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120)
    kilobytes, rows = map(int, done.stdout.split())
    assert rows == ROWS + 1
    assert kilobytes < FLAT_KILOBYTES


def test_html_reads_no_further_than_it_shows(tmp_path: Path) -> None:
    tally = Tally()
    formats.find("html").write(streamed(tally.through(Many().build(ROWS))), tmp_path)
    assert tally.rows == 1001


def test_xlsx_of_several_long_tables_keeps_them_apart(tmp_path: Path) -> None:
    def rows(name: str) -> Iterator[Sequence[Any]]:
        return ((f"{name} {number}", number, 0.5, None) for number in range(500))

    (shape,) = Many().build(1)
    assert shape.table
    sections = [Section(name, table=Table(shape.table.columns, rows(name))) for name in ("First", "Second")]
    path = formats.find("xlsx").write(streamed(sections), tmp_path)
    book = openpyxl.load_workbook(path, read_only=True)
    last = [list(book[name].iter_rows(values_only=True))[-1][0] for name in ("First", "Second")]
    book.close()
    assert last == ["First 499", "Second 499"]
