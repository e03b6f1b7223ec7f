"""Settling batches: what their members have come to is acted on, at once and in every recorder.

The row of the batch is locked meanwhile, and says what was done, so each callback is handed in once.
"""

import logging
import threading
import time
from typing import Any, NamedTuple

from django.db import connection, transaction
from django.utils import timezone

from apps.batches import noting
from apps.batches.callbacks import call
from apps.batches.cancelling import Cancelling, cancel_orphans
from apps.batches.counting import count
from apps.batches.models import Batch, Member, Standing
from apps.batches.noting import CHANNEL
from apps.jobs import Job, events
from apps.jobs.leading import Leader
from apps.jobs.outgoing import LOST_DATABASE, Outgoing

logger = logging.getLogger(__name__)

LOCK = 0x5377_4261_7463_0001  # any number that nothing else locks
MOST = 200
LOOK_SECONDS, AGAIN_SECONDS = 0.5, 60.0
BREATH_SECONDS = 0.05

MEMBER = "EXISTS (SELECT FROM batches_member WHERE batch_id = batch.id AND state = '{}')"
CHILD = "EXISTS (SELECT FROM batches_batch AS child WHERE child.parent_id = batch.id AND {})"
FAILS = f"child.failed_at IS NOT NULL AND child.outcome IN ('{Standing.OPEN}', '{Standing.FAILED}')"
IS_CANCELLED = f"child.outcome = '{Standing.CANCELLED}'"
OPEN = f"({MEMBER.format(Standing.OPEN)} OR {CHILD.format('child.finished_at IS NULL')})"
FAILED = f"({MEMBER.format(Standing.FAILED)} OR {CHILD.format(FAILS)})"
CANCELLED = f"({MEMBER.format(Standing.CANCELLED)} OR {CHILD.format(IS_CANCELLED)})"
# The youngest first: a batch is younger than the one it is in.
DUE = f"""
SELECT id FROM batches_batch AS batch WHERE finished_at IS NULL AND (
    (closed_at IS NOT NULL AND NOT {OPEN}) OR (failed_at IS NULL AND cancelled_at IS NULL AND {FAILED}))
ORDER BY id DESC LIMIT {MOST}
"""  # noqa: S608 - words of ours
LOOK = f"SELECT {OPEN}, {FAILED}, {CANCELLED} FROM batches_batch AS batch WHERE id = %s"  # noqa: S608


class Look(NamedTuple):
    """Whether any member is so, or any batch inside."""

    open: bool
    failed: bool
    cancelled: bool


class Settling(Outgoing):
    """Goes on until `stop` is set. Every recorder settles; one of them cancels and looks again."""

    what = "batches"

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(stop)
        self.leader = Leader(LOCK)
        self.cancelling = Cancelling()
        self.next_look = 0.0
        self.batches = 0

    def round(self) -> None:
        self.listen()
        if self.leader.leads():
            if time.monotonic() >= self.next_look:
                noting.look_again()
                cancel_orphans()
                self.next_look = time.monotonic() + AGAIN_SECONDS
            self.cancelling.go_on()
        while (settled := settle_due()) and not self.stop.is_set():
            self.batches += settled
        self.pause()

    def listen(self) -> None:
        """Before the look, so that nothing that happens during it is missed."""
        connection.ensure_connection()
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {CHANNEL}")

    def pause(self) -> None:
        """Until something has changed. Those that change many members have a moment for it."""
        raw: Any = connection.connection
        list(raw.notifies(timeout=LOOK_SECONDS, stop_after=1))
        self.stop.wait(BREATH_SECONDS)


def settle_due() -> int:
    """Settles what is due; returns how many batches. One that can't be spoils no other."""
    with connection.cursor() as cursor:
        cursor.execute(DUE)
        due = [batch_id for (batch_id,) in cursor.fetchall()]
    settled = 0
    for batch_id in due:
        try:
            settled += settle(batch_id)
        except LOST_DATABASE:
            raise
        except Exception:  # the others have nothing to do with it
            logger.exception("batch %s can't be settled", batch_id)
    return settled


def settle(batch_id: int) -> bool:
    """False if somebody else has it in hand, or there is nothing to do."""
    with transaction.atomic():
        batch = (
            Batch.objects.select_for_update(skip_locked=True).filter(id=batch_id, finished_at=None).first()
        )
        if batch is None:
            return False
        look = look_at(batch_id)  # now that nobody adds to it
        fails = look.failed and not batch.failed_at and not batch.cancelled_at
        if fails:
            fail(batch)
        finishes = batch.closed_at is not None and not look.open
        if finishes:
            finish(batch, look)
        if fails or finishes:
            batch.save()
    return fails or finishes


def look_at(batch_id: int) -> Look:
    with connection.cursor() as cursor:
        cursor.execute(LOOK, [batch_id])
        return Look(*cursor.fetchone())


def fail(batch: Batch) -> None:
    """The first failure of this round."""
    batch.failed_at = timezone.now()
    call(batch, "on_failure")
    ids = Member.objects.filter(batch=batch, state=Standing.FAILED).values("job_id")
    first = Job.objects.filter(id__in=ids).order_by("finished_at").values("id", "task", "error").first()
    job = {"job": first["id"], "task": first["task"], "error": first["error"]} if first else {}
    tell(batch, "batch.failed", job)


def finish(batch: Batch, look: Look) -> None:
    counts = count([batch.pk])[batch.pk]
    batch.finished_at = timezone.now()
    batch.total, batch.succeeded = counts.total, counts.succeeded
    batch.failed, batch.cancelled = counts.failed, counts.cancelled
    if batch.cancelled_at or (look.cancelled and not look.failed):
        batch.outcome = Standing.CANCELLED
    else:
        batch.outcome = Standing.FAILED if look.failed else Standing.SUCCEEDED
    if batch.outcome == Standing.SUCCEEDED:
        call(batch, "on_success")
    call(batch, "on_finished")
    figures = {name: getattr(batch, name) for name in ("total", "succeeded", "failed", "cancelled")}
    tell(batch, "batch.finished", {"outcome": str(batch.outcome), **figures})
    logger.info("batch %s has finished: %s", batch.pk, batch.outcome)


def tell(batch: Batch, topic: str, facts: dict[str, Any]) -> None:
    about = {"batch": batch.pk, "name": batch.name, "round": batch.round}
    events.publish(topic, about | facts, key=f"{topic}:{batch.pk}:{batch.round}")
