"""The history of a schedule as bars."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.jobs.models import Job
from apps.jobs.tests.making import failure, job
from apps.planner import history, strip
from apps.planner.history import Past
from apps.planner.tests.test_admin import text
from apps.schedules.models import Firing
from apps.schedules.tests.making import change_url, make_schedule

pytestmark = pytest.mark.django_db
NOON = datetime(2026, 3, 4, 12, tzinfo=UTC)


def firing(schedule: PeriodicTask, minutes_ago: float, outcome: str = "fired", **columns: Any) -> Firing:
    due_at = timezone.now() - timedelta(minutes=minutes_ago)
    values = {"decided_at": due_at + timedelta(seconds=0.5), "due_at": due_at, **columns}
    return Firing.objects.create(schedule=schedule, outcome=outcome, **values)


def run(schedule: PeriodicTask, minutes_ago: float, seconds: float, state: str = "SUCCESS") -> Job:
    """Its job of so many minutes ago, which ran for so many seconds."""
    started = timezone.now() - timedelta(minutes=minutes_ago)
    done = started + timedelta(seconds=seconds)
    columns = {"schedule": schedule.name, "created": started, "started_at": started, "done": done}
    row = failure(**columns) if state == "FAILURE" else job(state, **columns)
    firing(schedule, minutes_ago, job=row.id)
    return row


def past(outcome: str = "fired", state: str = "", seconds: float | None = None, **columns: Any) -> Past:
    found = Firing(due_at=NOON, decided_at=NOON, lag=timedelta(seconds=0.2), outcome=outcome, **columns)
    return Past(found, state, None if seconds is None else timedelta(seconds=seconds))


def test_the_oldest_is_on_the_left_and_each_job_has_its_link() -> None:
    schedule = make_schedule()
    jobs = [run(schedule, minutes, 2) for minutes in (30, 20, 10)]
    firing(schedule, 5, "missed")
    bars = strip.of(history.past(schedule)).bars
    assert [bar.href for bar in bars] == [*(f"/jobs/{row.id}/" for row in jobs), ""]
    assert [bar.tone for bar in bars] == ["success"] * 3 + ["missed"]


@pytest.mark.parametrize(
    ("outcome", "state", "tone"),
    [
        ("fired", "SUCCESS", "success"),
        ("fired", "FAILURE", "failure"),
        ("fired", "STARTED", "started"),
        ("fired", "RETRY", "retry"),
        ("fired", "REVOKED", "neutral"),
        ("fired", "PENDING", "neutral"),
        ("fired", "", "neutral"),
        ("missed", "", "missed"),
        ("late", "", "missed"),
        ("overlap", "", "missed"),
        ("error", "", "error"),
        ("waiting", "", "neutral"),
    ],
)
def test_the_colour_says_what_became_of_it(outcome: str, state: str, tone: str) -> None:
    assert strip.of([past(outcome, state)]).bars[0].tone == tone


@pytest.mark.parametrize(
    ("run_times", "levels"),
    [
        ([4, 4, 4], [10, 10, 10]),
        ([2, 4, 3], [5, 10, 8]),
        ([1, 1, 1, 1000], [4, 4, 4, 10]),  # the longest is cut off at three times the median
        ([10, None, 0.001], [10, 1, 1]),
        ([None], [1]),
        ([0], [1]),
    ],
)
def test_the_height_says_how_long_it_ran(run_times: list[float | None], levels: list[int]) -> None:
    newest_first = [past("fired", "SUCCESS", seconds) for seconds in reversed(run_times)]
    assert [bar.level for bar in strip.of(newest_first).bars] == levels


def test_each_bar_says_in_words_what_it_shows() -> None:
    found = strip.of([past("missed", count=7), past("fired", "FAILURE", 2.5, job="abc")])
    assert [bar.words for bar in found.bars] == [
        "4 Mar 2026 12:00:00 · failure · lag 0.2 s · ran 2.50 s",
        "4 Mar 2026 12:00:00 · missed · 7 due times",
    ]
    assert found.summary == "1 missed, 1 failure; the longest run took 2.50 s"


def test_the_page_shows_sixty_bars_and_ten_lines(admin_client: Client) -> None:
    schedule = make_schedule()
    for minutes in range(70):
        run(schedule, minutes, 1 + minutes % 3)
    page = text(admin_client, change_url(schedule))
    assert page.count('<li class="tone-success') == 60
    assert len(admin_client.get(change_url(schedule)).context["recent_firings"]["rows"]) == 10
    assert "60 success; the longest run took 3.00 s" in page


def test_jobs_that_were_forgotten_are_bars_too(admin_client: Client) -> None:
    schedule = make_schedule()
    firing(schedule, 5, job="forgotten")
    page = text(admin_client, change_url(schedule))
    assert '<li class="tone-neutral level-1"' in page
    assert "/jobs/forgotten/" in page


def test_a_schedule_that_was_never_due_says_so(admin_client: Client) -> None:
    page = text(admin_client, change_url(make_schedule()))
    assert "It has not been due yet." in page
    assert "switchyard-strip" not in page


def test_the_past_costs_two_questions(django_assert_num_queries: Any) -> None:
    schedule = make_schedule()
    for minutes in range(30):
        run(schedule, minutes, 1)
    with django_assert_num_queries(2):
        found = history.past(schedule)
    assert {one.run_time for one in found} == {timedelta(seconds=1)}
