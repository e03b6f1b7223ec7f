"""Every format a report can be made in: one file here and one line in FORMATS."""

from apps.report.format import Format
from apps.report.formats.csv import CsvFormat
from apps.report.formats.html import HtmlFormat
from apps.report.formats.xlsx import XlsxFormat
from apps.report.spelling import unknown

FORMATS: dict[str, Format] = {found.name: found for found in (HtmlFormat(), CsvFormat(), XlsxFormat())}

PDF = "PDF is not made here yet: choose html and print it to PDF in the browser, or choose csv or xlsx"


def find(name: str) -> Format:
    """The format of that name. Raises ValueError with the nearest known name."""
    if name == "pdf":
        raise ValueError(PDF)
    if name not in FORMATS:
        raise ValueError(unknown("format", name, FORMATS))
    return FORMATS[name]
