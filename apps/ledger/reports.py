"""The report on the ledger: what the jobs of a period did. Added up by the database."""

from collections.abc import Iterator, Sequence
from datetime import date, datetime, time, timedelta
from typing import Annotated, Any

from django.db import models
from django.db.models import Count, Q, QuerySet
from django.db.models.functions import Trunc
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import Field

from apps.jobs import catalog
from apps.jobs.models import Job
from apps.jobs.reporting import Chart, Choices, Column, Figure, Section, Series, Table
from apps.jobs.states import FINISHED, State

SLOWEST = 20
RAN = Q(state__in=(State.SUCCESS, State.FAILURE), run_time__isnull=False)
SUCCESS, FAILURE = Q(state=State.SUCCESS), Q(state=State.FAILURE)
REVOKED, OPEN = Q(state=State.REVOKED), ~Q(state__in=FINISHED)
GRAINS = ((62, "day"), (400, "week"), (10 * 366, "month"))


class Percentile(models.Aggregate):
    """percentile_cont: the value below which that fraction of the values lies."""

    function = "percentile_cont"
    template = "%(function)s(%(fraction)s) WITHIN GROUP (ORDER BY %(expressions)s)"

    def __init__(self, expression: Any, fraction: float, **extra: Any) -> None:
        super().__init__(expression, fraction=fraction, **extra)


COUNTS = {
    "jobs": Count("pk"),
    "succeeded": Count("pk", filter=SUCCESS),
    "failed": Count("pk", filter=FAILURE),
    "revoked": Count("pk", filter=REVOKED),
    "open": Count("pk", filter=OPEN),
}
RUN_TIMES = {
    "median": Percentile("run_time", 0.5, filter=RAN, output_field=models.DurationField()),
    "p95": Percentile("run_time", 0.95, filter=RAN, output_field=models.DurationField()),
}
WAIT_TIMES = {
    "wait_median": Percentile("wait_time", 0.5, output_field=models.DurationField()),
    "wait_p95": Percentile("wait_time", 0.95, output_field=models.DurationField()),
}


class JobActivity:
    name = "job_activity"
    title = gettext_lazy("Job activity")
    description = gettext_lazy("How many jobs ran, how they ended, which tasks fail and which take long.")

    def build(
        self,
        since: date,
        until: date,
        task: Annotated[
            str | None,
            Choices(lambda: list(catalog.tasks())),
            Field(description=gettext_lazy("One task only.")),
        ] = None,
    ) -> Iterator[Section]:
        jobs = submitted(since, until, task)
        grain, starts = buckets(since, until)
        periods = totals_by_period(jobs, grain)
        yield summary(jobs)
        yield Section(
            _("Jobs"),
            _("By the day they were handed in and how they stand now."),
            chart=by_state(starts, periods),
        )
        yield Section(
            _("Run time"), _("From the start of the last try to its end."), chart=run_times(starts, periods)
        )
        yield Section(_("Tasks"), table=by_task(jobs))
        yield Section(_("Slowest jobs"), table=slowest(jobs))


def submitted(since: date, until: date, task: str | None) -> QuerySet[Any]:
    """Jobs handed in on these days, both included, as the current time zone counts days."""
    start = timezone.make_aware(datetime.combine(since, time.min))
    end = timezone.make_aware(datetime.combine(until + timedelta(days=1), time.min))
    only = {"task": task} if task else {}
    return Job.objects.filter(submitted_at__gte=start, submitted_at__lt=end, **only)


def summary(jobs: QuerySet[Any]) -> Section:
    found = jobs.aggregate(**COUNTS, **RUN_TIMES, **WAIT_TIMES)
    rate = failure_rate(found)
    return Section(
        _("Summary"),
        figures=(
            Figure(_("Jobs"), found["jobs"], note=_("handed in")),
            Figure(_("Succeeded"), found["succeeded"], tone="success"),
            Figure(_("Failed"), found["failed"], tone="failure" if found["failed"] else ""),
            Figure(_("Failure rate"), rate, "percent", _("of those that ended")),
            Figure(_("Not ended"), found["open"], note=_("waiting or running")),
            Figure(_("Median wait"), found["wait_median"], "duration", _("until the first start")),
            Figure(_("95 % wait within"), found["wait_p95"], "duration"),
            Figure(_("Median run time"), found["median"], "duration"),
            Figure(_("95 % run within"), found["p95"], "duration"),
        ),
    )


def failure_rate(found: dict[str, Any]) -> float | None:
    ended = int(found["succeeded"]) + int(found["failed"])
    return int(found["failed"]) / ended if ended else None


def buckets(since: date, until: date) -> tuple[str, list[date]]:
    """Days, weeks, months or years, whichever keeps a chart readable; and where each begins."""
    days = (until - since).days + 1
    grain = next((name for limit, name in GRAINS if days <= limit), "year")
    starts = [start_of(since, grain)]
    while (following := start_of(starts[-1] + longest(grain), grain)) <= until:
        starts.append(following)
    return grain, starts


def start_of(day: date, grain: str) -> date:
    if grain == "week":
        return day - timedelta(days=day.weekday())
    return {"day": day, "month": day.replace(day=1)}.get(grain) or day.replace(month=1, day=1)


def longest(grain: str) -> timedelta:
    return timedelta(days={"day": 1, "week": 7, "month": 31}.get(grain, 366))


def totals_by_period(jobs: QuerySet[Any], grain: str) -> dict[date, dict[str, Any]]:
    period = Trunc("submitted_at", grain, output_field=models.DateField())
    found = jobs.annotate(period=period).values("period").annotate(**COUNTS, **RUN_TIMES)
    return {row["period"]: row for row in found}


def by_state(starts: Sequence[date], periods: dict[date, dict[str, Any]]) -> Chart:
    def series(name: str, key: str, tone: Any) -> Series:
        return Series(name, [int(periods.get(start, {}).get(key, 0)) for start in starts], tone)

    return Chart(
        "stacked",
        [start.isoformat() for start in starts],
        (
            series(_("Succeeded"), "succeeded", "success"),
            series(_("Failed"), "failed", "failure"),
            series(_("Revoked"), "revoked", "revoked"),
            series(_("Not ended"), "open", "pending"),
        ),
    )


def run_times(starts: Sequence[date], periods: dict[date, dict[str, Any]]) -> Chart:
    def series(name: str, key: str) -> Series:
        found = [periods.get(start, {}).get(key) for start in starts]
        return Series(name, [None if value is None else value.total_seconds() for value in found])

    names = (_("Median"), "median"), (_("95 % run within"), "p95")
    return Chart(
        "line", [start.isoformat() for start in starts], [series(*pair) for pair in names], unit="duration"
    )


def by_task(jobs: QuerySet[Any]) -> Table:
    found = jobs.values("task").annotate(**COUNTS, **RUN_TIMES).order_by("-jobs", "task")
    columns = (
        Column(_("Task")), Column(_("Jobs"), "number"), Column(_("Failures"), "number"),
        Column(_("Failure rate"), "percent"), Column(_("Median run time"), "duration"),
        Column(_("95 % run within"), "duration"),
    )  # fmt: skip
    rows = (
        (row["task"], row["jobs"], row["failed"], failure_rate(row), row["median"], row["p95"])
        for row in found.iterator()
    )
    return Table(columns, rows)


def slowest(jobs: QuerySet[Any]) -> Table:
    found = jobs.filter(RAN).order_by("-run_time", "-pk")
    columns = (
        Column(_("Job")), Column(_("Task")), Column(_("State")), Column(_("Started"), "date"),
        Column(_("Run time"), "duration"),
    )  # fmt: skip
    fields = ("id", "task", "state", "started_at", "run_time")
    rows = found.values_list(*fields)[:SLOWEST]
    return Table(columns, ((job, task, State(state).label, *times) for job, task, state, *times in rows))


REPORTS = [JobActivity]
