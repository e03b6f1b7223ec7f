"""Run as a program: how much memory a long table takes more than a short one, and how many rows came out.

Arguments: format and number of rows. Prints kilobytes and rows.
"""

import csv
import resource
import sys
import tempfile
import zipfile
from pathlib import Path

import django

from apps.report import formats
from apps.report.document import Tally
from apps.report.tests.documents import streamed
from apps.report.tests.sample_reports import Many


def main(format_name: str, rows: int) -> None:
    before, _rows = measured(format_name, 100)
    after, written = measured(format_name, rows)
    sys.stdout.write(f"{after - before} {written}")


def measured(format_name: str, rows: int) -> tuple[int, int]:
    with tempfile.TemporaryDirectory() as folder:
        sections = Tally().through(Many().build(rows))
        path = formats.find(format_name).write(streamed(sections), Path(folder))
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak, count_rows(path)


def count_rows(path: Path) -> int:
    if path.suffix == ".csv":
        with path.open(encoding="utf-8-sig", newline="") as file:
            return sum(1 for _ in csv.reader(file))
    with zipfile.ZipFile(path) as archive, archive.open("xl/worksheets/sheet2.xml") as sheet:
        return sum(line.count(b"<row ") for line in sheet)


if __name__ == "__main__":
    django.setup()
    main(sys.argv[1], int(sys.argv[2]))
