"""One round of a beat: due schedules are claimed, decided on, and their jobs handed in, all at once."""

import logging
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import islice

from django.db import connection, transaction

from apps.jobs import Job
from apps.jobs.errors import JobError
from apps.jobs.states import FINISHED
from apps.jobs.submitting import hand_in
from apps.schedules.models import Absence, Firing, Stale, Timing
from apps.schedules.policies import FiringOutcome, Overlap
from apps.schedules.timetable.deciding import Decision, Policy, Span, decide
from apps.schedules.timetable.due import next_or_problem
from apps.schedules.timetable.preparing import Preparing
from apps.schedules.timetable.renewing import claimed
from apps.schedules.timetable.writing import NewFiring, count_runs, write_firings, write_timings

logger = logging.getLogger(__name__)

BATCH = 500
DUE_TIMES_MOST = 1000  # of one schedule in one round; the rest follows in the next


@dataclass
class Round:
    """What is asked at the beginning of a round, for all its schedules at once, and written at its end.

    `active` are last jobs that have not ended, `waiting` the schedules of which a firing waits already.
    """

    now: datetime
    timings: list[Timing]
    absences: list[Span]
    active: set[str]
    waiting: set[int]
    preparing: Preparing = field(default_factory=Preparing)
    firings: list[NewFiring] = field(default_factory=list)
    jobs: dict[tuple[int, datetime], Job] = field(default_factory=dict)
    over: set[int] = field(default_factory=set)

    @classmethod
    def of(cls, timings: list[Timing], now: datetime) -> "Round":
        return cls(now, timings, absences_since(timings[0]), active_jobs(timings), waiting(timings))

    def write(self) -> None:
        """A due time that has its firing already has its job, too."""
        new = write_firings(self.firings)
        existing = hand_in([job for pair, job in self.jobs.items() if pair in new])
        self.point_to(existing)
        runs = Counter(pk for pk, _due_at in self.jobs)
        count_runs({**dict.fromkeys(self.over, 0), **runs}, self.over)
        write_timings(self.timings)  # after what disables some: they are not stale by that

    def point_to(self, existing: Mapping[str, Job]) -> None:
        """At the jobs with the same keys that were there already."""
        for job_id, found in existing.items():
            note = "a job with the same key was there already"
            Firing.objects.filter(job=job_id).update(job=found.id, note=note)
        for timing in self.timings:
            if timing.last_job in existing:
                timing.last_job = existing[timing.last_job].id


def fire_due() -> int:
    """Fires what is due now; returns how many schedules that were, at most BATCH."""
    with transaction.atomic():
        now = database_time()
        # What was changed waits for its renewal first: it may be off, or due at another time, by now.
        due = Timing.objects.filter(stale=Stale.NOTHING, next_run_at__lte=now)
        timings = claimed(due.order_by("next_run_at"), BATCH)
        if timings:
            this = Round.of(timings, now)
            for timing in timings:
                fire(timing, this)
            this.write()
    return len(timings)


def fire(timing: Timing, this: Round) -> None:
    """Every due time of one schedule until now, and its next one."""
    due_times = list(islice(due_until(timing, this.now), DUE_TIMES_MOST))
    whole = len(due_times) < DUE_TIMES_MOST
    firings: list[NewFiring] = []
    for decision in decide(due_times, this.now, this.absences, policy_of(timing), whole=whole):
        firing = firing_of(timing, decision, this.now)
        if decision.fires:
            run(timing, firing, this)
        firings.append(firing)
    this.firings += firings
    timing.last_due_at = due_times[-1]
    if timing.paused_until and timing.paused_until <= this.now:
        timing.paused_at = timing.paused_until = None
    if timing.periodic_task.one_off and any(firing.runs for firing in firings):
        this.over.add(timing.pk)
        timing.next_run_at = None


def firing_of(timing: Timing, decision: Decision, now: datetime) -> NewFiring:
    return NewFiring(
        schedule_id=timing.pk,
        due_at=decision.due_at,
        until=decision.until,
        count=decision.count,
        decided_at=now,
        outcome=decision.outcome,
        caught_up=decision.caught_up,
    )


def due_until(timing: Timing, now: datetime) -> Iterator[datetime]:
    """Leaves its next run after the last one that was asked for."""
    while timing.next_run_at is not None and timing.next_run_at <= now:
        due_at = timing.next_run_at
        timing.next_run_at, timing.problem = next_or_problem(
            timing.periodic_task, timing.anchor_at or due_at, due_at
        )
        yield due_at
        if timing.periodic_task.one_off:
            return


def run(timing: Timing, firing: NewFiring, this: Round) -> None:
    """Submits its job, unless the one before is still there and the policy says otherwise."""
    still_there = timing.last_job in this.active
    if still_there and timing.overlap in (Overlap.SKIP, Overlap.QUEUE):
        waits = timing.overlap == Overlap.QUEUE and timing.pk not in this.waiting
        firing.outcome = FiringOutcome.WAITING if waits else FiringOutcome.OVERLAP
        this.waiting.add(timing.pk)
        return
    try:
        job = this.preparing.job(timing.periodic_task, firing.due_at, timing.jitter_seconds)
    except Exception as error:  # one schedule must not hold up all others
        if connection.needs_rollback:  # none can go on
            raise
        if not isinstance(error, JobError):
            logger.exception("schedule %s can't be fired", timing.periodic_task.name)
        firing.outcome, firing.note = FiringOutcome.ERROR, f"{type(error).__name__}: {error}"
        return
    if still_there and timing.overlap == Overlap.CANCEL:
        firing.cancels = timing.last_job
    this.jobs[timing.pk, firing.due_at] = job
    firing.job = timing.last_job = job.id
    this.active.add(job.id)


def policy_of(timing: Timing) -> Policy:
    late = timing.late_seconds_max
    return Policy(
        timing.missed,
        timedelta(seconds=timing.missed_window_seconds),
        None if late is None else timedelta(seconds=late),
    )


def active_jobs(timings: list[Timing]) -> set[str]:
    """The last jobs of those schedules that ask for it, if they have not ended."""
    ids = [timing.last_job for timing in timings if timing.last_job and timing.overlap != Overlap.ALLOW]
    return set(Job.objects.filter(id__in=ids).exclude(state__in=FINISHED).values_list("id", flat=True))


def waiting(timings: list[Timing]) -> set[int]:
    """Those of the schedules that have a firing which waits for the job before."""
    queueing = [timing.pk for timing in timings if timing.overlap == Overlap.QUEUE]
    found = Firing.objects.filter(schedule__in=queueing, outcome=FiringOutcome.WAITING)
    return set(found.values_list("schedule_id", flat=True))


def absences_since(earliest: Timing) -> list[Span]:
    found = Absence.objects.filter(ended_at__gte=earliest.next_run_at)
    return list(found.values_list("began_at", "ended_at"))


def database_time() -> datetime:
    """The one clock that all beats share."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        found: datetime = cursor.fetchone()[0]
    return found
