"""Read models of schedules, for pages and commands."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.timezone import now
from django_celery_beat.models import PeriodicTask

from apps.schedules import forecasting, rules, wording
from apps.schedules.rules import RuleError


@dataclass(frozen=True)
class ScheduleView:
    """One schedule as people see it. `problem` says why it can never run, else it is empty."""

    pk: int
    name: str
    task: str
    rule: str
    words: str
    enabled: bool
    next_run: datetime | None
    last_run: datetime | None
    runs: int
    problem: str = ""


def upcoming(limit: int) -> list[ScheduleView]:
    """The schedules that run next, soonest first, with the newest of those that no beat has seen yet."""
    seen = schedules().filter(timing__next_run_at__isnull=False, timing__stale="")
    unseen = schedules().filter(enabled=True).exclude(timing__stale="")
    found = [*seen.order_by("timing__next_run_at", "pk")[:limit], *unseen.order_by("-pk")[:limit]]
    coming = [one for one in map(view, found) if one.next_run]
    return sorted(coming, key=lambda one: (one.next_run, one.pk))[:limit]


def every() -> Iterable[ScheduleView]:
    return (view(schedule) for schedule in schedules().order_by("name").iterator())


def schedules() -> Any:
    return PeriodicTask.objects.select_related("timing", *rules.KINDS).order_by("-last_run_at", "pk")


def view(schedule: PeriodicTask) -> ScheduleView:
    rule = rules.of(schedule)
    next_run, problem = forecast(schedule)
    return ScheduleView(
        pk=schedule.pk,
        name=schedule.name,
        task=schedule.task,
        rule=rules.text(rule) if rule else "",
        words=wording.words(rule),
        enabled=schedule.enabled,
        next_run=next_run,
        last_run=schedule.last_run_at,
        runs=schedule.total_run_count,
        problem=problem,
    )


def forecast(schedule: PeriodicTask) -> tuple[datetime | None, str]:
    """The next run, and why there can be none."""
    try:
        return forecasting.next_run(schedule, now()), ""
    except RuleError as error:
        return None, str(error)
