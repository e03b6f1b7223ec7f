"""What firings left for later: those that wait for the job before, and jobs that give way to a new one."""

import logging

from django.db import connection, transaction

from apps.jobs import Job, acting
from apps.jobs.errors import JobError
from apps.jobs.states import FINISHED
from apps.jobs.submitting import hand_in
from apps.schedules.models import Firing, Timing
from apps.schedules.policies import FiringOutcome
from apps.schedules.timetable.preparing import prepare_apart

logger = logging.getLogger(__name__)

BATCH = 100


def release_waiting() -> int:
    """Submits those whose turn has come."""
    with transaction.atomic():
        waiting = Firing.objects.filter(outcome=FiringOutcome.WAITING).select_related("schedule__timing")
        firings = list(waiting.select_for_update(skip_locked=True, of=("self",))[:BATCH])
        before = {firing.schedule.timing.last_job for firing in firings}
        ended = ended_of(before)
        free = [firing for firing in firings if firing.schedule.timing.last_job in ended]
        for firing in free:
            release(firing)
    return len(free)


def ended_of(ids: set[str]) -> set[str]:
    """Those of the jobs that have ended, or of which nothing is left."""
    alive = Job.objects.filter(id__in=ids).exclude(state__in=FINISHED)
    return ids - set(alive.values_list("id", flat=True))


def release(firing: Firing) -> None:
    timing: Timing = firing.schedule.timing
    try:
        job = prepare_apart(firing.schedule, firing.due_at, timing.jitter_seconds)
    except Exception as error:  # one schedule must not hold up all others
        if connection.needs_rollback:
            raise
        if not isinstance(error, JobError):
            logger.exception("schedule %s can't be fired", firing.schedule.name)
        firing.outcome, firing.note = FiringOutcome.ERROR, f"{type(error).__name__}: {error}"
    else:
        job = hand_in([job]).get(job.id, job)
        firing.outcome, firing.job = FiringOutcome.FIRED, job.id
        Timing.objects.filter(pk=timing.pk).update(last_job=job.id)
    firing.save(update_fields=["outcome", "job", "note"])


def cancel_replaced() -> int:
    """Cancels jobs that a new run replaces; what can't be told now is told in the next round."""
    firings = list(Firing.objects.exclude(cancels="").select_related("schedule")[:BATCH])
    for firing in firings:
        try:
            acting.cancel(firing.cancels, by=f"schedule {firing.schedule.name}"[: acting.BY_LENGTH],
                          why="its next run has begun", force=True)  # fmt: skip
        except acting.UnknownJob as error:
            logger.info("the job before is gone: %s", error)
        except acting.NotCancelled as error:
            logger.warning("job %s is not cancelled yet: %s", firing.cancels, error)
            return 0
        Firing.objects.filter(pk=firing.pk).update(cancels="")
    return len(firings)
