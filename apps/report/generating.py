"""From the wish for a report to its file. One job makes one file, however often it is delivered."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.core.files import File
from django.core.files.storage import default_storage
from django.db import transaction
from django.utils import timezone

from apps.jobs import events
from apps.jobs.errors import ArgumentError
from apps.jobs.states import State
from apps.report import catalog, formats
from apps.report.cells import words
from apps.report.contract import ReportDefinition
from apps.report.document import Document, Tally
from apps.report.format import CONTENT_TYPES
from apps.report.models import Report
from apps.report.parameters import as_json, checked


@dataclass(frozen=True)
class Wish:
    """Which report, in which format, with which parameters (plain JSON)."""

    report: str
    format: str = "html"
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def checked(self) -> "Checked":
        """Raises ArgumentError naming each thing that is wrong."""
        problems = {}
        try:
            definition = catalog.find(self.report)
        except ValueError as error:
            problems["report"] = str(error)
        try:
            formats.find(self.format)
        except ValueError as error:
            problems["format"] = str(error)
        if problems:
            raise ArgumentError(problems)
        return Checked(definition, self.format, checked(definition, self.parameters))


@dataclass(frozen=True)
class Checked:
    """A wish that can be fulfilled: `values` are the arguments of `build`."""

    definition: ReportDefinition
    format: str
    values: dict[str, Any]

    def row(self) -> dict[str, Any]:
        """The fields of Report that say what was wished for."""
        definition = self.definition
        return {
            "name": definition.name,
            "title": str(definition.title),
            "format": self.format,
            "parameters": as_json(definition, self.values),
        }


def generate(job_id: str, wish: Wish) -> Report:
    """The report of this job: made now, or found if an earlier delivery has made it.

    Raises ArgumentError for a wish that can't be fulfilled, and whatever `build` raises; the report
    is then marked as failed and has no file.
    """
    wanted = wish.checked()
    report, _created = Report.objects.get_or_create(job_id=job_id, defaults=wanted.row())
    if report.is_ready:
        return report
    Report.objects.filter(pk=report.pk).update(state=State.STARTED, error="")
    try:
        with TemporaryDirectory(prefix="report-") as folder:
            tally = Tally()
            path = formats.find(wanted.format).write(document(wanted, tally), Path(folder))
            return publish(report, path, tally.rows)
    except Exception as error:
        fail(report, error)
        raise


def document(wanted: Checked, tally: Tally) -> Document:
    definition = wanted.definition
    facts = {
        name.replace("_", " ").capitalize(): words(value, "text")
        for name, value in wanted.values.items()
        if value is not None
    }
    return Document(
        title=str(definition.title),
        description=str(definition.description),
        facts=facts,
        made=timezone.localtime(),
        sections=tally.through(definition.build(**wanted.values)),
    )


def publish(report: Report, path: Path, rows: int) -> Report:
    """Stores the file and says so in the row, both or neither. The first of two deliveries wins."""
    name = report.storage_name(path.suffix)
    with transaction.atomic():
        row = Report.objects.select_for_update().get(pk=report.pk)
        if row.is_ready:
            return row
        store(path, name)
        row.file.name, row.size, row.rows = name, path.stat().st_size, rows
        row.state, row.error, row.finished = State.SUCCESS, "", timezone.now()
        row.save()
        events.publish("report.ready", row.facts())
    return row


def store(path: Path, name: str) -> None:
    """Under exactly this name. What a try that died left there is replaced."""
    default_storage.delete(name)
    with path.open("rb") as content:
        stored = default_storage.save(name, File(content))
    if stored != name:
        default_storage.delete(stored)
        raise FileExistsError(f"{name} appeared while the report was being stored")


def fail(report: Report, error: Exception) -> None:
    """Marks the report as failed, and leaves no file; unless another delivery has succeeded meanwhile."""
    with transaction.atomic():
        row = Report.objects.select_for_update().get(pk=report.pk)
        if row.state == State.SUCCESS:
            return
        for suffix in CONTENT_TYPES:
            default_storage.delete(row.storage_name(suffix))
        row.state, row.error = State.FAILURE, f"{type(error).__name__}: {error}"
        row.finished = timezone.now()
        row.save()
