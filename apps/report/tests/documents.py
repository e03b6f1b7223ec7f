"""Documents to write."""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from apps.jobs.reporting import Column, Section, Table
from apps.report.document import Document


def document(*sections: Section) -> Document:
    return streamed(sections)


def streamed(sections: Iterable[Section]) -> Document:
    made = datetime(2026, 11, 22, 14, 3, tzinfo=UTC)
    return Document("Sales", "What was sold.", {"Since": "2026-11-01"}, made, sections)


def table_document(columns: Sequence[Column], *rows: Sequence[Any]) -> Document:
    return document(Section("Customers", table=Table(columns, iter(rows))))
