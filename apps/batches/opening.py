"""When a batch takes members: it is opened, closed, and opened again. Adding and finishing take turns."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.db import OperationalError, connection, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.batches.errors import BatchBusy, BatchClosed, UnknownBatch
from apps.batches.models import Batch, Member
from apps.jobs.progress import current_job_id

LARGEST = 2**63 - 1

ANCESTORS = """
WITH RECURSIVE line(id, parent_id) AS (
    SELECT id, parent_id FROM batches_batch WHERE id = ANY(%s)
    UNION SELECT up.id, up.parent_id FROM batches_batch AS up JOIN line ON up.id = line.parent_id
)
SELECT id FROM line ORDER BY id
"""
TREE = """
WITH RECURSIVE tree(id) AS (
    SELECT id FROM batches_batch WHERE id = ANY(%s)
    UNION SELECT child.id FROM batches_batch AS child JOIN tree ON child.parent_id = tree.id
)
SELECT id FROM tree ORDER BY id
"""
# Whoever adds keeps a batch from being finished, and from nothing else: it may be closed, cancelled and run
# again meanwhile. What is added to a cancelled one is cancelled when it has been committed.
TAKE = "SELECT closed_at, cancelled_at, finished_at FROM batches_batch WHERE id = %s FOR KEY SHARE"
HOLD = "SELECT id FROM batches_batch WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"
DEADLOCK, LOCK_TIMEOUT = "40P01", "55P03"


def row_of(batch_id: int) -> Batch:
    """Raises UnknownBatch."""
    known = isinstance(batch_id, int) and 0 < batch_id <= LARGEST
    row = Batch.objects.filter(id=batch_id).first() if known else None
    if row is None:
        raise UnknownBatch(_("no batch has the id %(id)s") % {"id": str(batch_id)[:100]})
    return row


def take(batch_id: int) -> None:
    """Holds the batch open until the caller's transaction ends. Raises UnknownBatch, BatchClosed.

    Once it is closed only its own jobs may add to it, and those of batches in it.
    """
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [batch_id])
        found = cursor.fetchone()
    if found is None:
        raise UnknownBatch(_("no batch has the id %(id)s") % {"id": batch_id})
    closed, cancelled, finished = found
    why = _("has finished") if finished else _("was cancelled") if cancelled else ""
    if not why and closed and batch_id not in own_line():
        why = _("is closed: only its own jobs may add to it")
    if why:
        raise BatchClosed(_("batch %(id)s %(why)s") % {"id": batch_id, "why": why})


def own_line() -> list[int]:
    """The batch of the job that runs here, and those it is in."""
    own = own_batch()
    return ids_by(ANCESTORS, [own]) if own else []


def own_batch() -> int | None:
    job_id = current_job_id()
    return Member.objects.filter(job_id=job_id).values_list("batch_id", flat=True).first() if job_id else None


def enter(batch_id: int, job_id: str) -> None:
    """The job will close it."""
    Batch.objects.filter(id=batch_id, closed_at=None).update(holder=job_id)


def close(batch_id: int) -> bool:
    """False if it was closed already."""
    return bool(Batch.objects.filter(id=batch_id, closed_at=None).update(closed_at=timezone.now()))


@contextmanager
def turn(batch_id: int) -> Iterator[None]:
    """A transaction. Raises BatchBusy when the database would not let it wait for others any longer."""
    try:
        with transaction.atomic():
            yield
    except OperationalError as error:
        if getattr(error.__cause__, "sqlstate", None) not in {DEADLOCK, LOCK_TIMEOUT}:
            raise
        said = _("batch %(id)s is in use just now, and nothing was changed; try again")
        raise BatchBusy(said % {"id": batch_id}) from error


def hold(batch_ids: Iterable[int]) -> None:
    """Until the transaction ends nobody else finishes, cancels or opens these. The oldest first, as everybody
    does, so that no two wait for each other: take all that you need at once. Adding goes on."""
    ids_by(HOLD, [*batch_ids])


def reopen(batch_ids: Sequence[int], *, only_finished: bool = False) -> None:
    """A new round for these batches and those that they are in; what they were cancelled for is over.

    With `only_finished` those that have not finished stay in their round.
    """
    line = ids_by(ANCESTORS, batch_ids)
    hold(line)  # one that is just being finished is looked at when that has been committed
    rows = Batch.objects.filter(id__in=line)
    rows = rows.exclude(finished_at=None) if only_finished else rows
    blank: dict[str, Any] = {
        "cancelled_by": "",
        "cancelled_why": "",
        "kill": False,
        "outcome": "",
    }
    rows.update(round=F("round") + 1, failed_at=None, finished_at=None, cancelled_at=None, **blank)


def ids_by(statement: str, batch_ids: Sequence[int]) -> list[int]:
    with connection.cursor() as cursor:
        cursor.execute(statement, [list(batch_ids)])
        return [found for (found,) in cursor.fetchall()]
