"""Writing the stream into the ledger: the duty the recorder is named after."""

import logging
import threading
import time
from collections.abc import Iterator

from django.conf import settings
from django.db import DataError, InterfaceError, OperationalError, connection, transaction

from apps.jobs import failing
from apps.jobs.duties import tell_followers
from apps.jobs.models import Job
from apps.jobs.state import redis_error
from apps.jobs.states import State
from apps.recorder.batch import Batch, Entry, JobRecord, is_final
from apps.recorder.reading import Reader
from apps.recorder.statements import JOBS, TRIES

logger = logging.getLogger(__name__)

WAIT_MILLISECONDS = 1000
CLAIM_SECONDS = 10.0
OUTAGE_SECONDS = 1.0
LOST_DATABASE = (OperationalError, InterfaceError)


class Recording:
    """Takes batches until `stop` is set. A batch is acknowledged once its transaction has committed."""

    def __init__(self, stop: threading.Event) -> None:
        self.stop = stop
        self.reader = Reader()
        self.recorded = 0
        self.claim_at = 0.0

    def run(self) -> None:
        joined = False
        while not self.stop.is_set():
            try:
                if not joined:
                    self.reader.join()
                    joined = True
                self.take()
            except redis_error() as error:
                joined = False
                logger.warning("the ledger's stream can't be read: %s", error)
                self.stop.wait(OUTAGE_SECONDS)

    def take(self) -> None:
        """One batch. When little came, it waits a moment so that the next one is worth a transaction."""
        entries = self.abandoned() or self.reader.read(settings.RECORDER_BATCH, WAIT_MILLISECONDS)
        if not entries:
            return
        self.record(entries)
        self.reader.done([entry_id for entry_id, _ in entries])
        self.recorded += len(entries)
        if len(entries) < settings.RECORDER_BATCH // 2:
            self.stop.wait(settings.RECORDER_PAUSE_SECONDS)

    def abandoned(self) -> list[Entry]:
        if time.monotonic() < self.claim_at:
            return []
        found = self.reader.claim(settings.RECORDER_BATCH)
        if found:
            logger.warning("%d entries of a recorder that died are taken over", len(found))
            return found
        self.claim_at = time.monotonic() + CLAIM_SECONDS
        self.reader.forget_the_dead()
        return []

    def record(self, entries: list[Entry]) -> None:
        """Writes a batch, however long PostgreSQL is away."""
        while not self.stop.is_set():
            try:
                record(entries)
            except LOST_DATABASE as error:
                logger.warning("the ledger can't be written: %s", error)
                connection.close()
                self.stop.wait(OUTAGE_SECONDS)
            else:
                return
        raise Stopped


class Stopped(SystemExit):
    """Asked to stop with a batch in hand: another recorder will claim it."""


def record(entries: list[Entry]) -> None:
    """Writes entries, of any order and any number of times; one that PostgreSQL refuses spoils no other."""
    for part in parts(entries):
        record_part(part)


def parts(entries: list[Entry]) -> Iterator[list[Entry]]:
    """All at once, but for a reopening, which can't be merged with what its job did before."""
    part: list[Entry] = []
    known: set[bytes] = set()
    for entry in entries:
        _, fields = entry
        if fields[b"kind"] == b"reopened" and fields[b"id"] in known:
            yield part
            part, known = [], set()
        part.append(entry)
        known.add(fields[b"id"])
    yield part


def record_part(entries: list[Entry]) -> None:
    batch = Batch(entries)
    try:
        write(batch)
    except DataError as error:
        if len(entries) == 1:
            logger.exception("an outcome can't be recorded whole")
            write_bare(batch, str(error))
            return
        middle = len(entries) // 2
        record_part(entries[:middle])
        record_part(entries[middle:])


def write(batch: Batch) -> None:
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(JOBS, [batch.jobs_json()])
        if batch.tries:
            cursor.execute(TRIES, [batch.tries_json()])
        failing.tell([job.id for job in batch.jobs.values() if job.kind == State.FAILURE])
        tell_followers([job.id for job in batch.jobs.values() if job.reopened or is_final(job.kind)])


def write_bare(batch: Batch, why: str) -> None:
    """The move without its document, which PostgreSQL can't read. An id that it can't keep has no row."""
    for job in batch.jobs.values():
        job.documents = {}
    for found in batch.tries.values():
        found.started_document = found.document = "null"
    try:
        write(batch)
    except DataError:
        logger.exception("an entry names no job that can be kept: %s", [*batch.jobs])
        return
    for job in batch.jobs.values():
        _note(job, why)


def _note(job: JobRecord, why: str) -> None:
    Job.objects.filter(id=job.id).update(note=f"its document can't be read: {why}"[:1000])
