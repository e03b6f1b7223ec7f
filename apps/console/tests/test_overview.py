"""The overview."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from django_celery_results.models import TaskResult
from redis.exceptions import ConnectionError as RedisConnectionError

from apps.console import overview, statistics
from apps.console.statistics import Endings
from apps.console.tests.cast import PAINT, failure, job
from apps.jobs.progress import key_of
from apps.jobs.state import state_redis

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
NOW = datetime(2026, 3, 4, 12, 30, 20, tzinfo=UTC)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(statistics, "COUNTED", 5)
    return 5


def shown(client: Client, **headers: str) -> str:
    answer = client.get("/", headers=headers)
    assert answer.status_code == 200
    return " ".join(answer.content.decode().split())


def part(page: str, title: str) -> str:
    """The text of one card."""
    return page[page.index(f'id="{title}-title"') :].partition("</section>")[0]


def test_a_fresh_site_names_the_first_steps(admin_client: Client) -> None:
    page = shown(admin_client)
    assert [
        text for text in ["1. Run a task", "2. Make a schedule", "3. Add your own task"] if text not in page
    ] == []
    assert "Running now" not in page


def test_a_site_with_old_jobs_only_is_not_fresh(admin_client: Client) -> None:
    job(created=timezone.now() - timedelta(days=30))
    assert "1. Run a task" not in shown(admin_client)


def test_running_jobs_show_their_progress(admin_client: Client) -> None:
    job("STARTED")
    mapping: Any = {"done": 25, "total": 100, "message": "painting", "started": 1000, "updated": 1010}
    state_redis().hset(key_of("job-0"), mapping=mapping)
    running = part(shown(admin_client), "running")
    assert [
        text for text in ["/jobs/job-0/", "painting", "25 of 100", "left", "for "] if text not in running
    ] == []


def test_the_longest_running_job_comes_first_and_few_are_shown() -> None:
    for minutes in range(12):
        job("STARTED", created=timezone.now() - timedelta(minutes=minutes))
    running = overview.load().running
    assert [live.job.id for live in running] == [f"job-{number}" for number in range(11, 3, -1)]


def test_failures_of_the_last_day_show_their_error(admin_client: Client) -> None:
    failure("no paint left")
    failure("long ago", created=timezone.now() - timedelta(hours=25))
    failed = part(shown(admin_client), "failed")
    assert "ValueError: no paint left" in failed
    assert "/jobs/job-0/" in failed
    assert "long ago" not in failed


def test_a_quiet_site_says_so(admin_client: Client) -> None:
    job()
    page = shown(admin_client)
    assert "Nothing runs at the moment." in part(page, "running")
    assert "Nothing failed." in part(page, "failed")
    assert "No schedule is enabled." in part(page, "next")


def test_the_next_schedules_link_to_their_pages(admin_client: Client) -> None:
    job()
    every, _ = IntervalSchedule.objects.get_or_create(every=5, period="minutes")
    schedule = PeriodicTask.objects.create(name="Often", task=PAINT, interval=every)
    PeriodicTask.objects.create(name="Never", task=PAINT, interval=every, enabled=False)
    coming = part(shown(admin_client), "next")
    assert f"/admin/django_celery_beat/periodictask/{schedule.pk}/change/" in coming
    assert "Every 5 minutes" in coming
    assert "Never" not in coming


def test_counts_link_to_the_filtered_list(admin_client: Client) -> None:
    for state in ("SUCCESS", "SUCCESS", "FAILURE", "PENDING", "RETRY", "STARTED"):
        job(state)
    job(created=timezone.now() - timedelta(hours=25))
    page = shown(admin_client)
    for state, number in {"SUCCESS": 2, "FAILURE": 1, "PENDING": 1, "RETRY": 1, "STARTED": 1}.items():
        card = page[page.index(f'id="count-{state.lower()}"') :].partition("</a>")[0]
        assert f'href="/jobs/?state={state}"' in card
        assert f'<strong class="stat-value">{number}</strong>' in card


def test_counting_ends_at_the_newest_jobs_and_says_so(admin_client: Client, counted: int) -> None:
    for _ in range(7):
        job()
    found = overview.load().counts
    assert (found.by_state["SUCCESS"], found.partial) == (counted, True)
    assert "of the newest 5 jobs" in shown(admin_client)


def test_the_strip_has_a_bar_for_each_minute() -> None:
    minute = NOW.replace(second=0)
    ended = {minute: {"SUCCESS": 20}, minute - timedelta(minutes=2): {"FAILURE": 1}}
    strip = overview.strip(Endings(ended, NOW - timedelta(hours=1)), NOW)
    assert len(strip) == 60
    assert strip[0].start == minute - timedelta(minutes=59)
    assert [(one.ended, one.failed, one.tone, one.level) for one in strip[-3:]] == [
        (1, 1, "failure", 1), (0, 0, "neutral", 0), (20, 0, "success", 10),
    ]  # fmt: skip
    assert all(one.states is not None for one in strip)


def test_minutes_with_too_many_jobs_to_count_are_not_shown_as_empty(
    admin_client: Client, counted: int
) -> None:
    for minutes in (1, 1, 1, 2, 2, 2):
        job(done=NOW - timedelta(minutes=minutes))
        job(done=timezone.now() - timedelta(minutes=minutes))
    assert "too many jobs to count" in shown(admin_client)
    TaskResult.objects.filter(date_done__gt=NOW).delete()
    strip = overview.strip(statistics.endings(NOW - timedelta(hours=1)), NOW)
    assert [one.ended for one in strip if one.states is not None] == [counted - 2, 0]


@pytest.mark.parametrize(("number", "highest", "level"), [(0, 9, 0), (1, 1000, 1), (5, 10, 5), (10, 10, 10)])
def test_a_bar_is_as_high_as_its_share(number: int, highest: int, level: int) -> None:
    assert overview.level(number, highest) == level


@pytest.mark.parametrize(
    ("states", "tone"),
    [
        ({}, "neutral"),
        ({"SUCCESS": 9}, "success"),
        ({"SUCCESS": 9, "FAILURE": 1}, "retry"),
        ({"SUCCESS": 1, "FAILURE": 1}, "failure"),
        (None, "neutral"),
    ],
)
def test_the_colour_of_a_bar_is_the_share_of_failures(states: dict[str, int] | None, tone: str) -> None:
    assert overview.Minute(NOW, states, 1).tone == tone


def test_the_strip_counts_what_ended_in_the_last_hour() -> None:
    job(done=timezone.now() - timedelta(minutes=5))
    failure(done=timezone.now() - timedelta(minutes=5))
    job("STARTED")
    job(done=timezone.now() - timedelta(minutes=61))
    strip = overview.load().minutes
    assert (sum(minute.ended for minute in strip), sum(minute.failed for minute in strip)) == (2, 1)


def test_the_live_part_comes_alone_and_goes_on_asking(admin_client: Client) -> None:
    job()
    page = shown(admin_client, **HTMX)
    assert page.startswith('<div id="overview"')
    assert 'hx-trigger="every 5s"' in page
    assert "<html" not in page


def test_without_redis_the_page_shows_the_rest(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: str) -> None:
        raise RedisConnectionError

    monkeypatch.setattr("apps.jobs.progress.read", refuse)
    job("STARTED")
    assert "/jobs/job-0/" in part(shown(admin_client), "running")


def test_the_page_costs_few_queries(admin_client: Client, django_assert_max_num_queries: Any) -> None:
    for state in ("STARTED", "FAILURE", "SUCCESS") * 10:
        job(state)
    with django_assert_max_num_queries(9):
        shown(admin_client)


def test_errors_are_escaped(admin_client: Client) -> None:
    failure("<script>alert(1)</script>")
    assert "<script>alert" not in shown(admin_client)


def test_no_page_has_scripts_or_styles_of_its_own(admin_client: Client) -> None:
    failure()
    job("STARTED")
    paths = ["/", "/jobs/", "/jobs/job-0/", "/jobs/job-1/", "/run/", f"/run/{PAINT}/", "/jobs/none/"]
    for path in paths:
        page = admin_client.get(path).content.decode()
        assert not {word for word in ("<style", "style=", "onclick", "hx-on", "javascript:") if word in page}
        assert page.count("<script") == page.count("<script src=")
        assert page.count("<h1") == 1
    assert TaskResult.objects.count() == 2
