"""What is wrong with schedules now: of each kind those that have it, and whether any beat is alive."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

from django.conf import settings
from django.db import connection
from django.db.models import Q, Value
from django.db.models.functions import Now
from django.utils.translation import gettext_lazy as _
from django_celery_beat.models import PeriodicTask

from apps.schedules.forecasting import timing_of
from apps.schedules.models import Firing
from apps.schedules.policies import PASSED_OVER

DAY = timedelta(days=1)
COUNTED = 99

# A new schedule waits for a beat, too: without any sign of life, the first thing that waits says since when.
SIGNS = """
SELECT statement_timestamp(), coalesce((SELECT max(ticked_at) FROM schedules_beat), least(
    (SELECT min(stale_since) FROM schedules_timing WHERE stale <> ''),
    (SELECT min(next_run_at) FROM schedules_timing))),
    EXISTS (SELECT FROM django_celery_beat_periodictask WHERE enabled)
"""


@dataclass(frozen=True)
class Signs:
    """Of life of any beat: the last one was at `seen`. `needed`: a schedule is enabled."""

    now: datetime
    seen: datetime | None
    needed: bool

    @property
    def silence(self) -> timedelta:
        return self.now - self.seen if self.seen else timedelta()

    @property
    def absent(self) -> bool:
        """No beat is alive, for too long."""
        return self.needed and self.silence >= timedelta(seconds=settings.BEAT_ABSENT_SECONDS)


def signs() -> Signs:
    with connection.cursor() as cursor:
        cursor.execute(SIGNS)
        return Signs(*cursor.fetchone())


def late() -> Any:
    """Due for longer than SCHEDULE_LATE_SECONDS. What is paused is not due."""
    threshold = Now() - timedelta(seconds=settings.SCHEDULE_LATE_SECONDS)
    return PeriodicTask.objects.filter(enabled=True, timing__stale="", timing__next_run_at__lt=threshold)


def late_by(schedule: PeriodicTask, now: datetime) -> timedelta | None:
    """For how long it has been due, if that is too long."""
    timing = timing_of(schedule)
    if timing.stale or timing.next_run_at is None or not schedule.enabled:
        return None
    found = now - timing.next_run_at
    return found if found > timedelta(seconds=settings.SCHEDULE_LATE_SECONDS) else None


def missed() -> Any:
    """Due within the last day, and passed over: no beat was alive, or it was too late."""
    firings = Firing.objects.filter(outcome__in=PASSED_OVER, decided_at__gt=Now() - DAY)
    return PeriodicTask.objects.filter(pk__in=firings.values("schedule"))


def failing() -> Any:
    """Their last jobs failed, SCHEDULE_FAILING_COUNT or more in a row."""
    return PeriodicTask.objects.filter(enabled=True, streak__isnull=False)


def paused() -> Any:
    over = Q(timing__paused_until__lte=Now())
    return PeriodicTask.objects.filter(timing__paused_at__isnull=False).exclude(over)


def problem() -> Any:
    """Can never run: their rule is wrong."""
    return PeriodicTask.objects.filter(timing__problem__gt="")


CONDITIONS: Mapping[str, tuple[Any, Callable[[], Any]]] = {
    "late": (_("late"), late),
    "missed": (_("missed within a day"), missed),
    "failing": (_("failing again and again"), failing),
    "paused": (_("paused"), paused),
    "problem": (_("can never run"), problem),
}


@dataclass(frozen=True)
class Trouble:
    """Schedules that need a person, by condition: id and name, at most COUNTED + 1.

    `absent`: since when no beat is alive, if that is too long.
    """

    late: list[tuple[int, str]]
    missed: list[tuple[int, str]]
    failing: list[tuple[int, str]]
    absent: datetime | None

    def __bool__(self) -> bool:
        return bool(self.late or self.missed or self.failing or self.absent)


def trouble() -> Trouble:
    """In two queries."""
    found: dict[str, list[tuple[int, str]]] = {"late": [], "missed": [], "failing": []}
    parts = [
        CONDITIONS[name][1]().annotate(kind=Value(name)).order_by().values_list("kind", "pk", "name")
        for name in found
    ]
    first, *others = (part[: COUNTED + 1] for part in parts)
    for kind, pk, name in sorted(first.union(*others, all=True), key=itemgetter(2)):
        found[kind].append((pk, name))
    seen = signs()
    return Trouble(**found, absent=seen.seen if seen.absent else None)
