"""Read models of schedules, for pages and commands."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.utils.timezone import now
from django_celery_beat.models import PeriodicTask

from apps.schedules import forecasting, rules, wording
from apps.schedules.rules import RuleError

LOOKED_AT = 200  # each one's next run is computed: a page can't do that for all of very many


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
    """The enabled schedules that run next, soonest first."""
    enabled = schedules().filter(enabled=True)[:LOOKED_AT]
    coming = [(moment, one) for one in enabled if (moment := forecast(one)[0])]
    return [view(one) for _moment, one in sorted(coming, key=lambda pair: pair[0])[:limit]]


def every() -> Iterable[ScheduleView]:
    return (view(schedule) for schedule in schedules().order_by("name").iterator())


def schedules() -> Any:
    return PeriodicTask.objects.select_related(*rules.KINDS).order_by("-last_run_at", "pk")


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
