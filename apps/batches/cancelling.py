"""Cancelling the members of batches that somebody has cancelled: portion by portion, until none is open."""

import logging
import time

from django.utils.translation import gettext as _

from apps.batches.models import Batch, Member, Standing
from apps.jobs import acting
from apps.jobs.errors import JobError

logger = logging.getLogger(__name__)

PORTION = 50
ROUND_SECONDS = 0.5  # others want to be settled
AGAIN_SECONDS = 5.0  # until those that still run, or that Redis could not be told of, are asked again


class Cancelling:
    """`places`: how far each batch is, by members' ids, and when it may go on."""

    def __init__(self) -> None:
        self.places: dict[int, tuple[str, float]] = {}

    def go_on(self) -> None:
        """For a moment, the oldest batch first. A member has ended once the ledger says so."""
        until = time.monotonic() + ROUND_SECONDS
        rows = Batch.objects.filter(finished_at=None).exclude(cancelled_at=None).order_by("id")
        wanted = {batch.pk: batch for batch in rows}
        self.places = {batch_id: self.places.get(batch_id, ("", 0.0)) for batch_id in wanted}
        for batch_id in self.places:
            while self.places[batch_id][1] <= (now := time.monotonic()) and now < until:
                self.places[batch_id] = cancel_portion(wanted[batch_id], self.places[batch_id][0])


def cancel_portion(batch: Batch, place: str) -> tuple[str, float]:
    """Where to go on, and when."""
    members = Member.objects.filter(batch=batch, state=Standing.OPEN, job_id__gt=place).order_by("job_id")
    ids = list(members.values_list("job_id", flat=True)[:PORTION])
    said = _("batch %(id)s was cancelled") % {"id": batch.pk}
    why = f"{said}: {batch.cancelled_why}" if batch.cancelled_why else said
    for job_id in ids:
        try:
            acting.cancel(job_id, by=batch.cancelled_by, why=why[:1000], force=batch.kill)
        except acting.NotCancelled as error:
            logger.warning("batch %s waits to be cancelled: %s", batch.pk, error)
            return place, time.monotonic() + AGAIN_SECONDS
        except JobError as error:
            logger.warning("member %s of batch %s can't be cancelled: %s", job_id, batch.pk, error)
        place = job_id
    if len(ids) < PORTION:
        return "", time.monotonic() + AGAIN_SECONDS
    return place, 0.0
