"""The report on the jobs themselves, added up by the database."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.utils import timezone

from apps.jobs.models import Job
from apps.jobs.reporting import Section
from apps.jobs.states import FINISHED, State
from apps.ledger.reports import JobActivity, buckets

pytestmark = pytest.mark.django_db
NUMBERS = count(1)
DAY = date(2026, 11, 10)
NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
WAIT = timedelta(seconds=2)
MAIL, IMPORT = "apps.email.tasks.send_email_task", "apps.data.tasks.batch_import_task"


def job(
    state: State = State.SUCCESS,
    *,
    task: str = MAIL,
    submitted: datetime = NOON,
    seconds: float | None = 1.0,
) -> Job:
    """A job that ran so many seconds; None: it never started."""
    started = None if seconds is None else submitted + WAIT
    done = (started or submitted) + timedelta(seconds=seconds or 0)
    return Job.objects.create(
        id=f"job-{next(NUMBERS):03}",
        task=task,
        state=state,
        submitted_at=submitted,
        first_started_at=started,
        started_at=started,
        finished_at=done if state in FINISHED else None,
    )


def sections(since: date = DAY, until: date = DAY, task: str | None = None) -> dict[str, Section]:
    return {section.heading: section for section in JobActivity().build(since, until, task)}


def figures(**period: Any) -> dict[str, Any]:
    return {figure.label: figure.value for figure in sections(**period)["Summary"].figures}


def rows(found: dict[str, Section], heading: str) -> list[tuple[Any, ...]]:
    table = found[heading].table
    assert table
    return [tuple(row) for row in table.rows]


def chart(found: dict[str, Section], heading: str) -> dict[str, dict[str, Any]]:
    """Each series by name: its values by label."""
    drawn = found[heading].chart
    assert drawn
    return {s.name: dict(zip(drawn.labels, s.values, strict=True)) for s in drawn.series}


def test_the_summary_counts_by_state() -> None:
    for state in (State.SUCCESS, State.SUCCESS, State.SUCCESS, State.FAILURE):
        job(state)
    for state in (State.REVOKED, State.PENDING, State.STARTED, State.RETRY):
        job(state, seconds=None)
    found = figures()
    assert (found["Jobs"], found["Succeeded"], found["Failed"], found["Not ended"]) == (8, 3, 1, 3)
    assert found["Failure rate"] == 0.25


def test_run_times_are_a_median_and_a_percentile() -> None:
    for seconds in range(1, 102):
        job(seconds=seconds)
    found = figures()
    assert found["Median run time"] == timedelta(seconds=51)
    assert found["95 % run within"] == timedelta(seconds=96)


def test_jobs_that_did_not_run_to_an_end_have_no_run_time() -> None:
    job(State.SUCCESS, seconds=2)
    job(State.STARTED, seconds=3600)
    job(State.REVOKED, seconds=3600)
    assert figures()["Median run time"] == timedelta(seconds=2)


def test_wait_times_are_those_until_the_first_start() -> None:
    job()
    job(State.PENDING, seconds=None)
    found = figures()
    assert (found["Median wait"], found["95 % wait within"]) == (WAIT, WAIT)


def test_both_days_of_the_period_count_whole() -> None:
    for hour in (-1, 0, 23, 24):
        job(submitted=datetime(2026, 11, 10, tzinfo=UTC) + timedelta(hours=hour))
    assert figures()["Jobs"] == 2
    assert figures(since=date(2026, 11, 9), until=date(2026, 11, 11))["Jobs"] == 4


def test_days_are_those_of_the_current_time_zone() -> None:
    job(submitted=datetime(2026, 11, 9, 20, tzinfo=UTC))  # the 10th, 04:00, in Shanghai
    assert figures()["Jobs"] == 0
    with timezone.override("Asia/Shanghai"):
        found = sections()
        assert rows(found, "Slowest jobs")[0][1] == MAIL
        assert chart(found, "Jobs")["Succeeded"] == {"2026-11-10": 1}


def test_each_day_has_a_bar_even_without_jobs() -> None:
    job()
    job(State.FAILURE, submitted=NOON + timedelta(days=2))
    found = chart(sections(until=date(2026, 11, 12)), "Jobs")
    assert found["Succeeded"] == {"2026-11-10": 1, "2026-11-11": 0, "2026-11-12": 0}
    assert found["Failed"] == {"2026-11-10": 0, "2026-11-11": 0, "2026-11-12": 1}


def test_a_day_without_jobs_is_a_gap_in_the_run_times() -> None:
    job(seconds=3)
    found = chart(sections(until=date(2026, 11, 11)), "Run time")
    assert found["Median"] == {"2026-11-10": 3.0, "2026-11-11": None}


def test_tasks_are_listed_with_their_failures_the_busiest_first() -> None:
    job(task=IMPORT, seconds=8)
    for state in (State.SUCCESS, State.FAILURE):
        job(state, seconds=2)
    job(State.PENDING, seconds=None)
    two, eight = timedelta(seconds=2), timedelta(seconds=8)
    assert rows(sections(), "Tasks") == [(MAIL, 3, 1, 0.5, two, two), (IMPORT, 1, 0, 0.0, eight, eight)]


def test_a_task_that_never_ended_has_no_rate() -> None:
    job(State.PENDING, seconds=None)
    assert rows(sections(), "Tasks") == [(MAIL, 1, 0, None, None, None)]


def test_the_slowest_jobs_come_first_and_are_twenty() -> None:
    for seconds in range(25):
        job(seconds=seconds)
    slowest = job(State.FAILURE, task=IMPORT, seconds=99)
    found = rows(sections(), "Slowest jobs")
    assert found[0] == (slowest.id, IMPORT, "failure", NOON + WAIT, timedelta(seconds=99))
    assert len(found) == 20


def test_one_task_alone_can_be_asked_for() -> None:
    job()
    job(task=IMPORT)
    assert figures(task=IMPORT)["Jobs"] == 1
    assert [row[0] for row in rows(sections(task=IMPORT), "Tasks")] == [IMPORT]


def test_a_period_without_jobs_is_a_report_too() -> None:
    found = figures()
    assert (found["Jobs"], found["Failure rate"], found["Median run time"]) == (0, None, None)
    assert rows(sections(), "Tasks") == rows(sections(), "Slowest jobs") == []


def test_it_takes_few_queries_however_many_jobs(django_assert_num_queries: Callable[[int], Any]) -> None:
    for seconds in range(50):
        job(seconds=seconds, task=f"shop.tasks.task_{seconds % 7}")
    with django_assert_num_queries(4):
        found = sections()
        rows(found, "Tasks")
        rows(found, "Slowest jobs")


@pytest.mark.parametrize(
    ("since", "until", "grain", "first", "bars"),
    [
        (date(2026, 11, 10), date(2026, 11, 10), "day", date(2026, 11, 10), 1),
        (date(2026, 10, 1), date(2026, 11, 30), "day", date(2026, 10, 1), 61),
        (date(2026, 1, 1), date(2026, 12, 31), "week", date(2025, 12, 29), 53),
        (date(2024, 1, 15), date(2026, 11, 10), "month", date(2024, 1, 1), 35),
        (date(1970, 1, 1), date(2199, 12, 31), "year", date(1970, 1, 1), 230),
    ],
)
def test_long_periods_get_wider_bars(since: date, until: date, grain: str, first: date, bars: int) -> None:
    found_grain, starts = buckets(since, until)
    assert (found_grain, starts[0], len(starts)) == (grain, first, bars)
    assert starts == sorted(set(starts))


@pytest.fixture
def new_york() -> Iterator[None]:
    with timezone.override("America/New_York"):
        yield


@pytest.mark.usefixtures("new_york")
@pytest.mark.parametrize(
    ("since", "until"), [(date(2026, 10, 30), date(2026, 11, 3)), (date(2025, 1, 1), DAY)]
)
def test_every_job_is_in_some_bar_across_a_change_of_the_clock(since: date, until: date) -> None:
    for hours in range(0, 96, 3):
        job(submitted=datetime(2026, 10, 30, 4, tzinfo=UTC) + timedelta(hours=hours))
    assert sum(chart(sections(since, until), "Jobs")["Succeeded"].values()) == 32
