"""Chords whose body never came: a member was lost with its links, or Redis has lost the count.

All that is needed to go on is in the ledger: the body is sent, once, or fails with the reason.
"""

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from celery import current_app
from celery.canvas import maybe_signature
from celery.exceptions import ChordError
from django.conf import settings
from django.db import transaction
from django.db.models import Count, Max
from django.utils import timezone

from apps.canvas.backend import CanvasBackend
from apps.canvas.models import Chord
from apps.canvas.signatures import flat
from apps.canvas.taking import take_notes
from apps.jobs import Job
from apps.jobs.state import state_redis
from apps.jobs.states import FINISHED, State
from apps.jobs.stream.names import tries_key
from apps.jobs.stream.reaching import stream_redis
from apps.jobs.workers import MENDED

logger = logging.getLogger(__name__)

LOOKED_AT_MOST = 200  # at a time, those that nobody looked at for longest first
SURE_SECONDS_MOST = 60  # the body follows the last member's end at once, unless the broker is away

# Whose header still runs, as far as the ledger knows, or is still being sent, need not be looked at.
OPEN = """
SELECT * FROM canvas_chord AS chord WHERE settled_at IS NULL AND begun_at < %s
AND (members IS NOT NULL OR size IS NOT NULL OR begun_at < %s)
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
    at: datetime


def mend() -> None:
    """One look. Raises redis's errors and the database's; what was not finished is looked at again."""
    take_notes()
    with transaction.get_connection().cursor() as cursor:
        cursor.execute(DONE)
    for chord in list(Chord.objects.raw(OPEN, [surely_before(), given_up_before(), LOOKED_AT_MOST])):
        Chord.objects.filter(pk=chord.pk).update(looked_at=timezone.now())
        if not looked_at(chord):
            return


def surely_before() -> datetime:
    """Of what ended before then, the body should have come."""
    return timezone.now() - timedelta(seconds=min(SURE_SECONDS_MOST, settings.SWEEP_AFTER_SECONDS))


def given_up_before() -> datetime:
    """Of a chord that began before then, nothing is waited for."""
    return timezone.now() - timedelta(seconds=settings.CELERY_RESULT_CHORD_EXPIRES)


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
    if chord.members is None:
        look_at_unlisted(chord)
        return
    ids = flat(chord.members)
    ends = ends_of(ids)
    if missing := [member for member in ids if member not in ends]:
        if chord.begun_at < given_up_before():
            fail(chord, f"of {len(missing)} of its jobs nobody has heard, such as {missing[0]}")
        return
    if ends and max(end.at for end in ends.values()) > surely_before():
        return
    if begun(chord.body_ids):
        return
    if problem := problem_with(chord, ids, ends):
        fail(chord, problem)
        return
    results, unkept = results_of(ids)
    if unkept:
        fail(chord, f"the result of its job {unkept} is not kept")
    else:
        send(chord, placed(chord.members, results))


def look_at_unlisted(chord: Chord) -> None:
    """Its results can't be put in order, so its body can't be sent. It fails only once it is sure that nobody
    else will call it: all were sent and have ended, or it is far too late.
    """
    members = Job.objects.filter(group=chord.group).exclude(id__in=chord.body_ids)
    ended = members.filter(state__in=FINISHED, finished_at__isnull=False)
    found = ended.aggregate(number=Count("pk"), latest=Max("finished_at"))
    if (chord.size is None or found["number"] < chord.size) and chord.begun_at >= given_up_before():
        return
    if found["latest"] and found["latest"] > surely_before():
        return
    if not begun(chord.body_ids):
        fail(chord, "its jobs were too many to be written down, or came from a generator")


def ends_of(ids: Iterable[str]) -> dict[str, Ended]:
    """Without the results: most looks find that somebody is still at work."""
    rows = Job.objects.filter(id__in=ids, state__in=FINISHED, finished_at__isnull=False)
    found = rows.values_list("id", "state", "finished_at")
    return {job_id: Ended(state, at) for job_id, state, at in found if at is not None}


def begun(body_ids: Iterable[str]) -> bool:
    """Whether a worker has it, though the ledger doesn't say so yet."""
    keys = [tries_key(job_id) for job_id in body_ids]
    return bool(keys and stream_redis().exists(*keys))


def problem_with(chord: Chord, ids: Iterable[str], ends: dict[str, Ended]) -> str:
    """Why its body can't be called; "" if it can."""
    for job_id in ids:
        if ends[job_id].state != State.SUCCESS:
            job = Job.objects.only("error", "reason").get(id=job_id)
            return f"its job {job_id} ended as {ends[job_id].state}: {job.error or job.reason}"
    return "" if chord.body is not None else "its body holds secrets, is too large, or is no plain JSON"


def results_of(ids: Sequence[str]) -> tuple[dict[str, Any], str]:
    """By the jobs' ids; and the id of one whose result is too large for the ledger, or ""."""
    results, unkept = {}, ""
    for job_id, result, note in Job.objects.filter(id__in=ids).values_list("id", "result", "note"):
        if result is None and "result:" in note:
            unkept = unkept or job_id
        results[job_id] = result
    return results, unkept


def placed(members: list[Any], results: dict[str, Any]) -> list[Any]:
    """The results in the order of the header."""
    return [placed(member, results) if isinstance(member, list) else results[member] for member in members]


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
