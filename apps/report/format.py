"""What a format is. Each lies in its own file under `formats/`."""

from pathlib import Path
from typing import Protocol

from apps.report.document import Document

CONTENT_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".csv": "text/csv; charset=utf-8",
    ".zip": "application/zip",
    ".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


class Format(Protocol):
    """`name` is what people ask for; `title` says what they get."""

    name: str
    title: str

    def write(self, document: Document, folder: Path) -> Path:
        """Makes one file in the folder. Its suffix, one of CONTENT_TYPES, says what it is."""
