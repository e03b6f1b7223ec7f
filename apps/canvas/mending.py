"""Chords whose body never came: a member was lost with its links, or Redis has lost the count.

All that is needed to go on is in the ledger: the body is sent, once, or fails with the reason.
"""

import json
import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from celery import current_app
from celery.canvas import maybe_signature
from celery.exceptions import ChordError
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from apps.canvas.backend import CHORDS, CanvasBackend
from apps.canvas.models import Chord
from apps.canvas.signatures import flat
from apps.jobs import Job
from apps.jobs.state import state_redis
from apps.jobs.states import FINISHED, State
from apps.jobs.stream.names import tries_key
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.workers import MENDED

logger = logging.getLogger(__name__)

BATCH = 1000
LOOKED_AT_MOST = 200  # at a time, those that nobody looked at for longest first
SURE_SECONDS_MOST = 60  # the body follows the last member's end at once, unless the broker is away

# Whose header still runs, as far as the ledger knows, need not be looked at.
OPEN = """
SELECT * FROM canvas_chord AS chord WHERE settled_at IS NULL AND begun_at < %s
AND NOT EXISTS (
    SELECT FROM jobs_job WHERE "group" = chord.group AND finished_at IS NULL AND id <> ALL (chord.body_ids)
) ORDER BY looked_at NULLS FIRST LIMIT %s
"""
DONE = """
UPDATE canvas_chord AS chord SET settled_at = now(), outcome = 'done'
WHERE settled_at IS NULL AND EXISTS (SELECT FROM jobs_job WHERE id = ANY (chord.body_ids))
"""


@dataclass(frozen=True)
class Ended:
    """How a member ended."""

    state: str
    error: str
    reason: str
    result: Any
    note: str
    at: datetime


def mend() -> None:
    """One look. Raises redis's errors and the database's; what was not finished is looked at again."""
    take_notes()
    with transaction.get_connection().cursor() as cursor:
        cursor.execute(DONE)
    before = timezone.now() - timedelta(seconds=sure_seconds())
    for chord in list(Chord.objects.raw(OPEN, [before, LOOKED_AT_MOST])):
        Chord.objects.filter(pk=chord.pk).update(looked_at=timezone.now())
        if not looked_at(chord):
            return


def sure_seconds() -> float:
    return min(SURE_SECONDS_MOST, settings.SWEEP_AFTER_SECONDS)


def take_notes() -> None:
    """What publishers told of chords becomes rows; what was written twice is one row."""
    redis: Any = stream_redis()
    notes = [json.loads(note) for note in redis.lrange(CHORDS, 0, BATCH - 1)]
    if not notes:
        return
    for note in notes:
        note["begun_at"] = datetime.fromtimestamp(note["begun_at"], UTC)
    Chord.objects.bulk_create([Chord(**note) for note in notes], ignore_conflicts=True)
    transaction.on_commit(lambda: redis.ltrim(CHORDS, len(notes), -1))


def looked_at(chord: Chord) -> bool:
    """False if that failed: the others come first then, the next time."""
    try:
        with transaction.atomic():
            look_at(chord)
    except Exception:  # its body is what somebody made, and the broker may be away
        logger.exception("the chord %s can't be settled now", chord.group)
        return False
    return True


def look_at(chord: Chord) -> None:
    ids = flat(chord.members) if chord.members is not None else []
    ends = ends_of(ids)
    if missing := [member for member in ids if member not in ends]:
        if chord.begun_at < timezone.now() - timedelta(seconds=settings.CELERY_RESULT_CHORD_EXPIRES):
            fail(chord, f"of {len(missing)} of its jobs nobody has heard, such as {missing[0]}")
        return
    if ids and max(end.at for end in ends.values()) > timezone.now() - timedelta(seconds=sure_seconds()):
        return
    if begun(chord.body_ids):
        return
    if problem := problem_with(chord, ids, ends):
        fail(chord, problem)
    else:
        send(chord, results_of(chord.members or [], ends))


def ends_of(ids: Iterable[str]) -> dict[str, Ended]:
    fields = ("id", "state", "error", "reason", "result", "note", "finished_at")
    rows = Job.objects.filter(id__in=ids, state__in=FINISHED, finished_at__isnull=False).values_list(*fields)
    return {job_id: Ended(*found) for job_id, *found in rows}


def begun(body_ids: Iterable[str]) -> bool:
    """Whether a worker has it, though the ledger doesn't say so yet."""
    keys = [tries_key(job_id) for job_id in body_ids]
    return bool(keys and stream_redis().exists(*keys))


def problem_with(chord: Chord, ids: list[str], ends: dict[str, Ended]) -> str:
    """Why its body can't be called; "" if it can."""
    for job_id in ids:
        end = ends[job_id]
        if end.state != State.SUCCESS:
            return f"its job {job_id} ended as {end.state}: {end.error or end.reason}"
        if end.result is None and "result:" in end.note:  # too large for the ledger
            return f"the result of its job {job_id} is not kept"
    if chord.members is None:
        return "its jobs were too many to be written down, or came from a generator"
    return "" if chord.body is not None else "its body has hidden arguments, or is too large to be kept"


def results_of(members: list[Any], ends: dict[str, Ended]) -> list[Any]:
    return [
        results_of(member, ends) if isinstance(member, list) else ends[member].result for member in members
    ]


def send(chord: Chord, results: list[Any]) -> None:
    """Its jobs keep their ids: should another copy have been sent, one of the two is not run."""
    why = "all of its jobs had ended, and its body had not come"
    if settle(chord, Chord.Outcome.SENT, why):
        body: Any = maybe_signature(chord.body)
        body.delay(results)
        count("chords_sent", chord, why)


def fail(chord: Chord, why: str) -> None:
    """Whoever waits for the body hears of it, and its error callbacks are called."""
    if not settle(chord, Chord.Outcome.FAILED, why):
        return
    error = ChordError(f"the chord can't be finished: {why}")
    backend: CanvasBackend = current_app.backend
    if chord.body is not None:
        fail_body(backend, chord.body, error)
    else:
        for job_id in chord.body_ids:
            backend.mark_as_failure(job_id, error)
    count("chords_failed", chord, why)


def fail_body(backend: CanvasBackend, body: Any, error: ChordError) -> None:
    try:
        raise error
    except ChordError:  # Celery takes the traceback of what is being handled
        backend.chord_error_from_stack(maybe_signature(body), error)


def settle(chord: Chord, outcome: str, why: str) -> bool:
    """False if somebody else was quicker."""
    still_open = Chord.objects.filter(pk=chord.pk, settled_at=None)
    return bool(still_open.update(settled_at=timezone.now(), outcome=outcome, why=why))


def count(name: str, chord: Chord, why: str) -> None:
    logger.warning("chord %s was stuck (%s): %s", chord.group, name, why)
    state_redis().hincrby(MENDED, name, 1)
