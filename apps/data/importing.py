"""A file into its dataset, chunk by chunk. A chunk's rows and the cursor move in one transaction.

A run that is killed is delivered again and goes on at the cursor. Whoever starts last is the runner;
an older one that still lives finds that out before its next chunk, and stops.
"""

import json
from collections.abc import Iterator, Sequence
from time import monotonic
from typing import Any, BinaryIO, Unpack, cast
from uuid import uuid4

from celery.exceptions import Ignore
from django.core.files.base import ContentFile
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.data.formats import FORMATS, jsonl
from apps.data.formats.format import BadFile, BadRow, Options, Row
from apps.data.formats.lines import Reader
from apps.data.models import RAW_KEPT_CHARACTERS, ROW_ERRORS_KEPT, Dataset, Import, RowError
from apps.data.receiving import Plan, receive, received_before
from apps.data.storing import split, store
from apps.jobs import Job, events, submit
from apps.jobs.errors import ArgumentError, PermanentError, Snooze, TemporaryError
from apps.jobs.orders import Options as JobOptions
from apps.jobs.progress import current_job_id, progress
from apps.jobs.states import State

TASK = "apps.data.tasks.batch_import_task"
CHUNK_ROWS = 5_000
CHUNK_BYTES = 4 * 1024 * 1024
LIST_ROWS_MAX = 10_000
# After this long the job lies down for a second and goes on anew: the broker takes back a message that isn't
# acknowledged within half an hour, and the time limits of the task lie in between.
SLICE_SECONDS = 1_200

CURSOR = (
    "bytes_done", "lines_done",
    "rows_read", "rows_created", "rows_updated", "rows_duplicate", "rows_failed",
)  # fmt: skip


class TakenOver(Exception):
    """Another run of the same import has started since."""


def run_import(import_id: int) -> dict[str, Any]:
    """The whole import, or what is left of it. Safe to call again, at any time, from anywhere.

    Raises BadFile, Snooze (its time slice is used up), PermanentError (no such import).
    """
    imported = claim(import_id)
    if imported.state == State.SUCCESS:
        return imported.summary()
    try:
        with open_file(imported) as file:
            check(imported, file)
            load(imported, file)
        return finish(imported)
    except TakenOver:
        return leave(imported)
    except Exception as error:
        note_failure(imported, error)
        raise


def import_list(rows: list[dict[str, Any]], dataset: str) -> dict[str, Any]:
    """A short list instead of a file: all of it or nothing. Raises ArgumentError."""
    if not 1 <= len(rows) <= LIST_ROWS_MAX:
        raise ArgumentError({"data_list": _("expected 1 to %d rows, got %d") % (LIST_ROWS_MAX, len(rows))})
    lines = [json.dumps(row) for row in rows]
    known = Dataset.objects.filter(name=dataset).first()
    items = (jsonl.item(number, line) for number, line in enumerate(lines, start=1))
    if bad := split(items, known.key_column if known else "")[1]:
        raise ArgumentError({"data_list": _("row %d: %s") % (bad[0].line, bad[0].message)})
    file = ContentFile("\n".join(lines).encode())
    imported = received_before() or receive(file, _("rows of a job"), Plan(dataset, format="jsonl"))
    return run_import(imported.pk)


def start(imported: Import, **how: Unpack[JobOptions]) -> Job:
    """Submits the job that runs the import, or goes on with it."""
    with transaction.atomic():
        job = submit(TASK, kwargs={"import_id": imported.pk}, **how)
        Import.objects.filter(pk=imported.pk).update(
            job_id=job.id, state=State.PENDING, error="", finished=None
        )
    return job


def start_over(imported: Import, **how: Unpack[JobOptions]) -> Job:
    """Imports the file once more from its first line. What it appended before is taken back."""
    with transaction.atomic():
        locked = lock(imported.pk)
        locked.errors.all().delete()
        if locked.dataset.key_column:
            locked.records.update(origin=None)  # else its own rows would count as duplicates
        else:
            locked.records.all().delete()
        for name in CURSOR:
            setattr(locked, name, 0)
        locked.runner, locked.rows_total = uuid4(), None
        locked.save()
        return start(locked, **how)


def claim(import_id: int) -> Import:
    with transaction.atomic():
        imported = lock(import_id)
        if imported.state != State.SUCCESS:
            imported.runner, imported.state = uuid4(), State.STARTED
            imported.error, imported.finished = "", None
            imported.job_id = current_job_id() or imported.job_id
            imported.save()
    return imported


def lock(import_id: int) -> Import:
    rows = Import.objects.select_related("dataset").select_for_update(of=("self",))
    try:
        return rows.get(pk=import_id)
    except Import.DoesNotExist:
        raise PermanentError(_("there is no import %d") % import_id) from None


def lock_mine(imported: Import) -> Import:
    locked = lock(imported.pk)
    if locked.runner != imported.runner:
        raise TakenOver
    return locked


def open_file(imported: Import) -> BinaryIO:
    try:
        return cast("BinaryIO", imported.file.open("rb"))
    except (FileNotFoundError, ValueError):
        raise PermanentError(_("the file of this import is gone")) from None


def check(imported: Import, file: BinaryIO) -> None:
    """Reads the file to its end before a row is written: one that can't be read leaves nothing behind."""
    if imported.rows_total is not None:
        return
    reader, rows = read(imported, file), 0
    for _item in reader:
        rows += 1
        if rows % CHUNK_ROWS == 0:
            progress(reader.bytes_done, imported.size, _("checking the file"))
    if not rows:
        raise BadFile(_("there are no rows below the header"))
    with transaction.atomic():
        locked = lock_mine(imported)
        locked.rows_total = rows
        locked.save(update_fields=["rows_total"])


def load(imported: Import, file: BinaryIO) -> None:
    slice_ends = monotonic() + SLICE_SECONDS
    reader = read(imported, file, imported.lines_done)
    for chunk in chunks(reader):
        done = save(imported, chunk, reader)
        progress(done.rows_read, done.rows_total or 0, _("rows, %d rejected") % done.rows_failed)
        if monotonic() > slice_ends:
            raise Snooze(1, _("goes on in a new attempt"))


def read(imported: Import, file: BinaryIO, lines_done: int = 0) -> Reader:
    file.seek(0)
    options = Options(imported.encoding, imported.delimiter)
    return FORMATS[imported.format](file, options, lines_done)


def chunks(reader: Reader) -> Iterator[list[Row | BadRow]]:
    """Runs of rows that fit into memory. At each, the reader stands right behind the last of them."""
    chunk: list[Row | BadRow] = []
    begin = reader.bytes_done
    for item in reader:
        chunk.append(item)
        if len(chunk) >= CHUNK_ROWS or reader.bytes_done - begin >= CHUNK_BYTES:
            yield chunk
            chunk, begin = [], reader.bytes_done
    if chunk:
        yield chunk


@transaction.atomic
def save(imported: Import, chunk: Sequence[Row | BadRow], reader: Reader) -> Import:
    locked = lock_mine(imported)
    good, bad = split(chunk, locked.dataset.key_column)
    created, updated, duplicate = store(locked.dataset, locked.pk, good)
    keep_errors(locked, bad)
    locked.rows_read += len(chunk)
    locked.rows_created += created
    locked.rows_updated += updated
    locked.rows_duplicate += duplicate
    locked.rows_failed += len(bad)
    locked.lines_done, locked.bytes_done = reader.lines_done, reader.bytes_done
    locked.save(update_fields=CURSOR)
    return locked


def keep_errors(imported: Import, bad: Sequence[BadRow]) -> None:
    room = max(0, ROW_ERRORS_KEPT - imported.rows_failed)
    RowError.objects.bulk_create(
        RowError(
            origin=imported, line=row.line, kind=row.kind, column=row.column,
            message=row.message[:500], raw=row.raw.strip()[:RAW_KEPT_CHARACTERS],
        )
        for row in bad[:room]
    )  # fmt: skip


@transaction.atomic
def finish(imported: Import) -> dict[str, Any]:
    locked = lock_mine(imported)
    locked.state, locked.finished = State.SUCCESS, timezone.now()
    locked.save(update_fields=["state", "finished"])
    events.publish("data.import.finished", {**locked.summary(), "job": locked.job_id})
    return locked.summary()


def leave(imported: Import) -> dict[str, Any]:
    """The job's result is the other run's to tell, if that is a second delivery of the same job."""
    if imported.job_id and Import.objects.filter(pk=imported.pk, job_id=imported.job_id).exists():
        raise Ignore
    return {"status": "superseded", "import": imported.pk}


def note_failure(imported: Import, error: Exception) -> None:
    state = State.RETRY if isinstance(error, TemporaryError | Snooze) else State.FAILURE
    Import.objects.filter(pk=imported.pk, runner=imported.runner).update(
        state=state, error=str(error) or type(error).__name__, finished=timezone.now()
    )
