"""Acting on a whole batch: closing and cancelling it, and running again what failed."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.batches import noting, opening
from apps.batches.errors import BatchClosed
from apps.batches.models import Batch, Member, Standing
from apps.batches.opening import ANCESTORS, TREE
from apps.jobs import Call, Job, catalog
from apps.jobs.acting import NotRetryable, check_words, inherited, taken_words
from apps.jobs.errors import JobError
from apps.jobs.recalling import call_of
from apps.jobs.submitting import hand_in, order_of, prepared

PORTION = 1_000
REPLACE = """
UPDATE batches_member SET job_id = fresh.id, state = '' FROM unnest(%s::text[], %s::text[]) AS fresh(old, id)
WHERE job_id = fresh.old
"""


@dataclass
class Retried:
    """How many members run again; why others can't, by their jobs' ids."""

    count: int = 0
    refused: dict[str, str] = field(default_factory=dict)


def close(batch_id: int) -> None:
    """Closed already is closed. Raises UnknownBatch, BatchBusy."""
    opening.row_of(batch_id)
    with opening.turn(batch_id):
        if opening.close(batch_id):
            noting.wake()


def cancel(batch_id: int, by: str = "", why: str = "", *, kill: bool = False) -> bool:
    """Closes the batch and wants every member and every batch in it cancelled; the recorder does that,
    whatever becomes of this process. Members that run go on, unless `kill`.

    False if it has finished: nothing is changed then. Raises UnknownBatch, ArgumentError, BatchBusy.
    """
    check_words(by, why)
    opening.row_of(batch_id)
    now = timezone.now()
    with opening.turn(batch_id):
        tree = opening.ids_by(TREE, [batch_id])
        opening.hold(tree)
        rows = Batch.objects.filter(id__in=tree, finished_at=None)
        rows.filter(closed_at=None).update(closed_at=now)
        rows.filter(cancelled_at=None).update(cancelled_at=now, cancelled_by=by, cancelled_why=why)
        if kill:
            rows.update(kill=True)
        noting.wake()
        return rows.filter(id=batch_id).exists()


def retry(batch_id: int, by: str = "", *, cancelled: bool = False) -> Retried:
    """Runs the members again that failed or expired, in this batch and those in it; `cancelled` ones too.

    Each gets a new job in its place. The batches concerned are open again, with those that they are in, and
    call back anew when they have come so far. Nothing is changed if there is nothing to run again. Of batches
    in it that are being cancelled nothing runs again.
    Raises UnknownBatch, ArgumentError, BatchBusy, and BatchClosed while it is being cancelled.
    """
    check_words(by, "")
    opening.row_of(batch_id)
    result = Retried()
    with opening.turn(batch_id):
        tree, line = opening.ids_by(TREE, [batch_id]), opening.ids_by(ANCESTORS, [batch_id])
        opening.hold({*tree, *line})
        refuse_cancelling(batch_id, line)
        ending = being_cancelled(tree)
        members = doomed([found for found in tree if found not in ending], cancelled=cancelled)
        in_those = Member.objects.filter(batch__in=ending, state=Standing.FAILED)
        why = _("it is in a batch that is being cancelled")
        result.refused |= dict.fromkeys(in_those.values_list("job_id", flat=True), why)
        concerned = set()
        for start in range(0, len(members), PORTION):
            part = dict(members[start : start + PORTION])
            done = again(list(part), by, result)
            concerned |= {part[old] for old in done}
        if concerned:
            opening.reopen(sorted(concerned))
            noting.wake()
    return result


def refuse_cancelling(batch_id: int, line: Sequence[int]) -> None:
    if being_cancelled(line):
        raise BatchClosed(
            _("batch %(id)s is being cancelled; try again when it has finished") % {"id": batch_id}
        )


def being_cancelled(batch_ids: Sequence[int]) -> set[int]:
    """Those of them, with all batches inside: to open one of these would open the one it is in."""
    found = Batch.objects.filter(id__in=batch_ids, finished_at=None).exclude(cancelled_at=None)
    ids = list(found.values_list("id", flat=True))
    return set(opening.ids_by(TREE, ids)) if ids else set()


def doomed(tree: Sequence[int], *, cancelled: bool = False) -> list[tuple[str, int]]:
    """Members that did not succeed, with their batches."""
    states = [Standing.FAILED, Standing.CANCELLED] if cancelled else [Standing.FAILED]
    found = Member.objects.filter(batch__in=tree, state__in=states).order_by("job_id")
    return list(found.select_for_update(of=("self",), skip_locked=True).values_list("job_id", "batch_id"))


def tasks_of(batch_id: int, *, cancelled: bool = False) -> list[str]:
    """The tasks whose jobs `retry` would run again."""
    states = [Standing.FAILED, Standing.CANCELLED] if cancelled else [Standing.FAILED]
    members = Member.objects.filter(batch__in=opening.ids_by(TREE, [batch_id]), state__in=states)
    jobs = Job.objects.filter(id__in=members.values("job_id"))
    return sorted(jobs.order_by().values_list("task", flat=True).distinct())


def again(ids: Sequence[str], by: str, result: Retried) -> list[str]:
    """Puts new jobs in the place of these; returns those that could be."""
    now = timezone.now()
    known = {job.id: job for job in Job.objects.filter(id__in=ids)}
    fresh: dict[str, Job] = {}
    for job_id in ids:
        try:
            fresh[job_id] = copy(known.get(job_id), by, now)
        except JobError as error:
            result.refused[job_id] = str(error)
    taken = hand_in(list(fresh.values()))
    for old in [old for old, job in fresh.items() if job.id in taken]:
        result.refused[old] = taken_words(known[old], taken[fresh.pop(old).id])
    with connection.cursor() as cursor:
        cursor.execute(REPLACE, [list(fresh), [job.id for job in fresh.values()]])
    result.count += len(fresh)
    return list(fresh)


def copy(job: Job | None, by: str, now: datetime) -> Job:
    """The row, not yet written. Raises NotRetryable, UnknownTask, ArgumentError."""
    if job is None:
        raise NotRetryable(_("its job is no longer kept"))
    call = call_of(job, None, None)
    task = catalog.find(job.task)
    order = order_of(task, {**inherited(job), "submitter": by, "retry_of": job.id})
    return prepared(task, Call(call["args"], call["kwargs"]), order, now)
