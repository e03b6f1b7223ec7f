"""Cancelling the members of batches that somebody has cancelled: portion by portion, until none is open."""

import logging
from time import monotonic

from django.db import connection
from django.utils.translation import gettext as _

from apps.batches import acting as batch_acting
from apps.batches.models import Batch, Member, Standing
from apps.jobs import Job, acting
from apps.jobs.errors import JobError
from apps.jobs.outgoing import LOST_DATABASE

logger = logging.getLogger(__name__)

PORTION = 50
ROUND_SECONDS = 0.5  # others want to be settled
AGAIN_SECONDS = 5.0  # until those that still run, or that Redis could not be told of, are asked again
# To batches that nobody could see yet when the one they are in was cancelled.
SPREAD = """
WITH found AS (
    SELECT child.id, parent.cancelled_by, parent.cancelled_why, parent.kill
    FROM batches_batch AS child JOIN batches_batch AS parent ON parent.id = child.parent_id
    WHERE child.finished_at IS NULL AND parent.finished_at IS NULL AND parent.cancelled_at IS NOT NULL
        AND (child.cancelled_at IS NULL OR parent.kill AND NOT child.kill)
    ORDER BY child.id FOR NO KEY UPDATE OF child SKIP LOCKED
)
UPDATE batches_batch AS child SET
    closed_at = coalesce(child.closed_at, now()),
    cancelled_by = CASE WHEN child.cancelled_at IS NULL THEN found.cancelled_by ELSE child.cancelled_by END,
    cancelled_why =
        CASE WHEN child.cancelled_at IS NULL THEN found.cancelled_why ELSE child.cancelled_why END,
    cancelled_at = coalesce(child.cancelled_at, now()),
    kill = child.kill OR found.kill
FROM found WHERE child.id = found.id
"""


class Cancelling:
    """`places`: how far each batch is, by members' ids, and when it may go on. `last`: whose turn it was."""

    def __init__(self) -> None:
        self.places: dict[int, tuple[str, float]] = {}
        self.last = 0

    def go_on(self) -> None:
        """For a moment, one portion of each batch in turn. A member has ended once the ledger says so."""
        until = monotonic() + ROUND_SECONDS
        spread()
        rows = Batch.objects.filter(finished_at=None).exclude(cancelled_at=None).order_by("id")
        wanted = {batch.pk: batch for batch in rows}
        self.places = {batch_id: self.places.get(batch_id, ("", 0.0)) for batch_id in wanted}
        while monotonic() < until and (batch_id := self.next()) is not None:
            self.last = batch_id
            self.places[batch_id] = cancel_portion(wanted[batch_id], self.places[batch_id][0], until)

    def next(self) -> int | None:
        """The batch after the one whose turn it was, of those that may go on."""
        now = monotonic()
        due = [batch_id for batch_id, (_place, at) in self.places.items() if at <= now]
        return next((batch_id for batch_id in due if batch_id > self.last), due[0] if due else None)


def cancel_orphans() -> int:
    """Batches that a job was to close and hasn't, because it was killed inside `with`: if the job runs again,
    it opens others. Returns how many there were."""
    ended = Job.objects.filter(finished_at__isnull=False).values("id")
    rows = Batch.objects.filter(finished_at=None, closed_at=None, holder__in=ended).exclude(holder="")
    count = 0
    for batch_id in rows.order_by("id").values_list("id", flat=True):
        try:
            count += batch_acting.cancel(batch_id, why="its creator ended")
        except JobError as error:
            logger.warning("batch %s, which nobody will close, can't be cancelled: %s", batch_id, error)
    return count


def spread() -> int:
    """From batches that are being cancelled to those in them, however deep. Returns how many that were."""
    changed = 0
    with connection.cursor() as cursor:
        while True:
            cursor.execute(SPREAD)
            if not cursor.rowcount:
                return changed
            changed += cursor.rowcount


def cancel_portion(batch: Batch, place: str, until: float) -> tuple[str, float]:
    """Where to go on, and when. At least one member, and no more once the time is over."""
    members = Member.objects.filter(batch=batch, state=Standing.OPEN, job_id__gt=place).order_by("job_id")
    ids = list(members.values_list("job_id", flat=True)[:PORTION])
    said = _("batch %(id)s was cancelled") % {"id": batch.pk}
    why = f"{said}: {batch.cancelled_why}" if batch.cancelled_why else said
    for job_id in ids:
        try:
            acting.cancel(job_id, by=batch.cancelled_by, why=why[:1000], force=batch.kill)
        except acting.NotCancelled as error:
            logger.warning("batch %s waits to be cancelled: %s", batch.pk, error)
            return place, monotonic() + AGAIN_SECONDS
        except JobError as error:
            logger.warning("member %s of batch %s can't be cancelled: %s", job_id, batch.pk, error)
        except LOST_DATABASE:
            raise
        except Exception:  # other batches, and the members behind it, have nothing to do with it
            logger.exception("member %s of batch %s can't be cancelled", job_id, batch.pk)
            return job_id, monotonic() + AGAIN_SECONDS
        place = job_id
        if monotonic() >= until:
            return place, 0.0
    if len(ids) < PORTION:
        return "", monotonic() + AGAIN_SECONDS
    return place, 0.0
