"""The timetable at another time: which schedules would fire, and what their jobs do."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from unittest.mock import patch

from django_celery_beat.models import PeriodicTask

from apps.jobs.models import Job
from apps.schedules import forecasting
from apps.schedules.models import Firing, Stale, Timing
from apps.schedules.running import prepare
from apps.schedules.timetable import claiming, preparing
from apps.schedules.timetable.releasing import release_waiting
from apps.schedules.timetable.renewing import renew_stale
from apps.testing.collected import Jobs
from apps.testing.running import Ran

FIRINGS_MOST = 10_000


def without_jitter(schedule: PeriodicTask, due_at: datetime, _seconds: int = 0) -> Job:
    return prepare(schedule, due_at)


@dataclass(frozen=True, order=True)
class Due:
    """A schedule fires then."""

    at: datetime
    schedule: str


class Timetable:
    """Stands still at the time that `at` gave it, and moves on as far as it is told. Jitter is left out."""

    def __init__(self, jobs: Jobs) -> None:
        self.jobs = jobs
        self.now: datetime | None = None

    def at(self, moment: datetime) -> "Timetable":
        """Stands at this time; what was due before is forgotten. Raises ValueError for one without a zone."""
        zoned(moment)
        self.now = moment
        Timing.objects.update(
            stale=Stale.EDITED, next_run_at=None, anchor_at=None, last_due_at=None, last_job=""
        )
        self.renew()
        return self

    def due_until(self, moment: datetime, schedule: str = "") -> list[Due]:
        """Which schedules fire from now on until then, that included; or when that one does. Fires none."""
        now = self.renew()
        zoned(moment)
        asked = PeriodicTask.objects.filter(enabled=True).select_related("timing")
        rows = asked.filter(name=schedule) if schedule else asked
        if schedule and not rows:
            raise ValueError(f"no enabled schedule is named {schedule!r}")
        found: list[Due] = []
        for row in rows:
            runs = forecasting.runs(row, row.timing, now)
            found += (Due(at, row.name) for at in takewhile(lambda at: at <= moment, limited(runs)))
        return sorted(found)

    def fire_until(self, moment: datetime) -> list[Job]:
        """Hands in the jobs of all that is due until then, as a beat does, and stands there then."""
        return [job for fired in self.steps(moment) for job in fired]

    def run_until(self, moment: datetime, *, may_fail: bool = False) -> list[Ran]:
        """The same, and runs each job before the next due time, as `Jobs.run_pending` does."""
        ran: list[Ran] = []
        for _fired in self.steps(moment):
            ran += self.jobs.run_pending(may_fail=may_fail)
            while release_waiting():
                ran += self.jobs.run_pending(may_fail=may_fail)
        return ran

    def steps(self, moment: datetime) -> Iterator[list[Job]]:
        """The jobs of one due time after the other."""
        zoned(moment)
        self.renew()
        for _ in range(FIRINGS_MOST):
            due = Timing.objects.filter(next_run_at__lte=moment).order_by("next_run_at").first()
            if due is None or due.next_run_at is None:
                self.now = moment
                return
            self.now = max(self.now or due.next_run_at, due.next_run_at)
            yield self.fire(self.now)
        raise AssertionError(f"{FIRINGS_MOST} due times, and no end: {self.now} was the last")

    def fire(self, now: datetime) -> list[Job]:
        before = set(Firing.objects.values_list("pk", flat=True))
        with (
            patch.object(claiming, "database_time", lambda: now),
            patch.object(preparing, "prepare", without_jitter),
        ):
            claiming.fire_due()
        new = Firing.objects.exclude(pk__in=before)
        problems = [f"{firing.schedule.name}: {firing.note}" for firing in new if firing.outcome == "error"]
        if problems:
            raise AssertionError("\n".join(["can't be fired:", *problems]))
        ids = [firing.job for firing in new.order_by("due_at", "pk") if firing.job]
        found = Job.objects.in_bulk(ids)
        return [found[job_id] for job_id in ids if job_id in found]

    def renew(self) -> datetime:
        """What was edited since, counts from now. Raises ValueError if nobody said when that is."""
        if self.now is None:
            raise ValueError("expected timetable.at(moment) first")
        Timing.objects.exclude(stale="").update(stale_since=self.now)
        while renew_stale():
            pass
        return self.now


def zoned(moment: datetime) -> None:
    if not isinstance(moment, datetime) or moment.utcoffset() is None:
        raise ValueError(f"expected a datetime with a zone, got {moment!r}")


def limited(runs: Iterator[datetime]) -> Iterator[datetime]:
    for number, run in enumerate(runs):
        if number == FIRINGS_MOST:
            raise AssertionError(f"{FIRINGS_MOST} due times, and no end: {run} was the last")
        yield run
