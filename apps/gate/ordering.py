"""Jobs that run one at a time, in order: each has a ticket, and the first of its line may begin.

Tickets lie in PostgreSQL, written with the job where that is known. Of submissions that overlap in time
the later to commit may have the smaller number, so a turn that was taken is nobody else's.
"""

import time
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, connection, transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone

from apps.gate.ends import still_ended
from apps.gate.models import Ticket
from apps.gate.permits import Permit, permits_for
from apps.jobs import catalog
from apps.jobs.ending import standing_of
from apps.jobs.limits import InOrder
from apps.jobs.models import Hold, Job
from apps.jobs.models.hold import LINE_LENGTH

LINES = f"{InOrder.kind}:"
LOOK_SECONDS, IDLE_SECONDS = 0.03, 0.5  # while somebody waits for the end of another, and otherwise
LOOK_SHARE = 10  # who waits for long finds his turn such a part of that time later
SWEEP_SECONDS, SOONEST_SECONDS = 2.0, 0.1
SWEEP_SHARE = 20  # a sweep is not the work of more than such a part of the time
FORGOTTEN = timedelta(minutes=1)  # for so long the ledger may not have heard of a plain `.delay()`
BATCH = 200

DRAW = """
INSERT INTO gate_ticket (job_id, line) SELECT * FROM unnest(%s::text[], %s::text[])
ON CONFLICT (job_id) DO NOTHING
"""
EARLIER = """
EXISTS (SELECT FROM gate_ticket AS other WHERE other.line = mine.line AND other.number <> mine.number
    AND (other.begun OR other.number < mine.number))
"""
BEGIN = f"""
UPDATE gate_ticket AS mine SET begun = true WHERE job_id = %s AND (begun OR NOT {EARLIER})
"""  # noqa: S608
FIRST = f"SELECT begun OR NOT {EARLIER} FROM gate_ticket AS mine WHERE job_id = %s"  # noqa: S608
ENDED = """
SELECT ticket.job_id, job.version FROM gate_ticket AS ticket JOIN jobs_job AS job ON job.id = ticket.job_id
WHERE {which} job.finished_at IS NOT NULL
"""
TAKEN = "DELETE FROM gate_ticket WHERE job_id = ANY(%s) RETURNING line"
NEXT = """
SELECT head.job_id FROM unnest(%s::text[]) AS freed(line), LATERAL (
    SELECT job_id FROM gate_ticket WHERE gate_ticket.line = freed.line ORDER BY begun DESC, number LIMIT 1
) AS head
"""
HELD = """
SELECT DISTINCT ticket.line FROM gate_ticket AS ticket JOIN jobs_hold AS hold USING (job_id)
WHERE starts_with(hold.line, %s)
"""
# Held while PostgreSQL had just been away.
MEND = """
INSERT INTO gate_ticket (job_id, line)
SELECT job_id, line FROM jobs_hold WHERE starts_with(line, %s)
    AND NOT EXISTS (SELECT FROM gate_ticket WHERE gate_ticket.job_id = jobs_hold.job_id)
ORDER BY held_at ON CONFLICT (job_id) DO NOTHING
"""


def permit_of_order(permits: Iterable[Permit]) -> Permit | None:
    return next((permit for permit in permits if permit.kind == InOrder.kind), None)


def line_up(jobs: Sequence[Job]) -> None:
    """Gives jobs that are being written their tickets, in this order. Raises the database's errors."""
    draw([job.id for job in jobs], [line_of(job) for job in jobs])


def line_of(job: Job) -> str:
    """The real arguments are in the outbox where the row's are redacted."""
    task: Any = catalog.find(job.task)
    sent = job.outbox or {}
    limits = [limit for limit in task.limits if isinstance(limit, InOrder)]
    (permit,) = permits_for(task, limits, sent.get("args", job.args), sent.get("kwargs", job.kwargs))
    return permit.line


def draw(ids: Sequence[str], lines: Sequence[str]) -> None:
    with connection.cursor() as cursor:
        cursor.execute(DRAW, [list(ids), [line[:LINE_LENGTH] for line in lines]])


def begins(job_id: str, line: str) -> bool:
    """Whether it is this job's turn. If so, that is taken until the job has ended.

    Raises the database's errors.
    """
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            draw([job_id], [line])
            cursor.execute(BEGIN, [job_id])
            return bool(cursor.rowcount)
    except IntegrityError:  # somebody else of the line began in the same moment
        return False


def is_first(job_id: str, line: str) -> bool:
    """Whether it would be its turn now."""
    draw([job_id], [line])
    with connection.cursor() as cursor:
        cursor.execute(FIRST, [job_id])
        found = cursor.fetchone()
    return bool(found and found[0])


class Orders:
    """The gate's look at who may go on, because the one before has ended. `next_look` is when.

    `news` is when a turn was over, or somebody held, for the last time; `swept_for` how long a sweep took.
    """

    def __init__(self) -> None:
        self.next_look = self.next_sweep = self.swept = self.swept_for = self.news = 0.0
        self.somebody_waits = False

    def woken(self) -> None:
        """Somebody is held; perhaps the one before has ended in the same moment."""
        self.news = time.monotonic()
        soonest = self.swept + max(SOONEST_SECONDS, SWEEP_SHARE * self.swept_for)
        self.next_sweep = min(self.next_sweep, soonest)
        if self.somebody_waits:
            self.next_look = min(self.next_look, self.news + LOOK_SECONDS)

    def next(self) -> list[Hold]:
        """Those held whose turn it is."""
        if time.monotonic() < self.next_look:
            return []
        lines = set(over("begun AND"))
        if lines:
            self.news = time.monotonic()
        if time.monotonic() >= self.next_sweep:
            lines |= self.sweep()
        self.somebody_waits = waiting().exists()
        self.next_look = time.monotonic() + self.pause()
        return heads(lines) if lines else []

    def pause(self) -> float:
        """Seconds until the next look: fewer while something happens, and never many."""
        if not self.somebody_waits:
            return IDLE_SECONDS
        return min(IDLE_SECONDS, max(LOOK_SECONDS, (time.monotonic() - self.news) / LOOK_SHARE))

    def sweep(self) -> set[str]:
        """Looks at all tickets, and returns the lines in which somebody waits.

        A ticket's line counts: the hold has another where the limit was declared anew meanwhile.
        """
        began = time.monotonic()
        over("")
        forget_unknown()
        with connection.cursor() as cursor:
            cursor.execute(MEND, [LINES])
            cursor.execute(HELD, [LINES])
            lines = {row[0] for row in cursor.fetchall()}
        self.swept = time.monotonic()
        self.swept_for = self.swept - began
        self.next_sweep = self.swept + max(SWEEP_SECONDS, SWEEP_SHARE * self.swept_for)
        return lines


def waiting() -> Any:
    return Hold.objects.filter(line__startswith=LINES).order_by()


def over(which: str) -> list[str]:
    """Takes the tickets of jobs that have ended; returns their lines.

    A job that begins again meanwhile waits for the locks, and finds its ticket gone.
    """
    ended = ENDED.format(which=which)
    with connection.cursor() as cursor:
        cursor.execute(ended)
        if not cursor.fetchone():
            return []
        with transaction.atomic():
            cursor.execute(f"{ended} FOR UPDATE OF ticket SKIP LOCKED")
            cursor.execute(TAKEN, [[*still_ended(dict(cursor.fetchall()))]])
            return [row[0] for row in cursor.fetchall()]


def forget_unknown() -> None:
    """Jobs of which neither the ledger nor Redis knows are gone, as after Redis lost its data."""
    known = Job.objects.filter(id=OuterRef("job_id"))
    old = Ticket.objects.filter(since__lt=timezone.now() - FORGOTTEN)
    held = Hold.objects.filter(job_id=OuterRef("job_id"))
    for ticket in old.filter(~Exists(known), ~Exists(held))[:BATCH]:
        standing = standing_of(ticket.job_id)
        if standing.ended or not standing.state:
            ticket.delete()


def heads(lines: Iterable[str]) -> list[Hold]:
    """Of each line the first, if it is held for its turn."""
    with connection.cursor() as cursor:
        cursor.execute(NEXT, [list(lines)])
        ids = [row[0] for row in cursor.fetchall()]
    return list(waiting().filter(job_id__in=ids)[:BATCH])
