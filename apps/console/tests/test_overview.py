"""The overview."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.auth.models import Permission
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import IntervalSchedule, PeriodicTask
from redis.exceptions import ConnectionError as RedisConnectionError

from apps.batches.models import Batch, Member
from apps.console import overview
from apps.console.tests.cast import PAINT, failure, job
from apps.jobs.models import DeadLetter, Job, Worker
from apps.jobs.progress import progress_key
from apps.jobs.reading import activity
from apps.jobs.reading.activity import Endings
from apps.jobs.state import state_redis
from apps.schedules.condition import COUNTED
from apps.schedules.models import Beat, Firing, Streak, Timing
from apps.schedules.tests.making import LIST, change_url, make_schedule

pytestmark = pytest.mark.django_db
HTMX = {"HX-Request": "true"}
NOW = datetime(2026, 3, 4, 12, 30, 20, tzinfo=UTC)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setattr(activity, "COUNTED", 5)
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
    state_redis().hset(progress_key("job-0"), mapping=mapping)
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


def test_open_batches_show_how_far_they_are(
    admin_client: Client, client: Client, django_user_model: Any
) -> None:
    job()
    assert "batches-title" not in shown(admin_client)
    done = Batch.objects.create(name="ready", finished_at=timezone.now(), outcome="succeeded")
    outer = Batch.objects.create(name="moon import")
    inner = Batch.objects.create(name="inner", parent=outer)
    states = ["succeeded", "failed", "", ""]
    Member.objects.bulk_create(Member(job_id=f"m{n}", batch=inner, state=s) for n, s in enumerate(states))
    batches = part(shown(admin_client), "batches")
    wanted = [f"/admin/batches/batch/{outer.pk}/change/", "moon import", "1 failed", "2 of 4"]
    assert [text for text in wanted if text not in batches] == []
    assert f"/batch/{inner.pk}/" not in batches
    assert str(done) not in batches
    someone = django_user_model.objects.create_user("someone", is_staff=True)
    someone.user_permissions.set(Permission.objects.filter(codename="view_job"))
    client.force_login(someone)
    assert "moon import" not in shown(client)


def test_a_quiet_site_says_so(admin_client: Client) -> None:
    job()
    page = shown(admin_client)
    assert "Nothing runs at the moment." in part(page, "running")
    assert "Nothing failed." in part(page, "failed")
    assert "No schedule is enabled." in part(page, "next")
    assert "Nothing needs a person." in part(page, "attention")


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
    Job.objects.filter(finished_at__gt=NOW).delete()
    strip = overview.strip(activity.endings(NOW - timedelta(hours=1)), NOW)
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


def test_what_needs_a_person_is_listed(admin_client: Client) -> None:
    failure()
    DeadLetter.objects.create(digest="d", body=b"", died_at=NOW)
    now = timezone.now()
    Worker.objects.create(instance="w#1", name="w", pid=1, started_at=now, seen_at=now, lost_at=now)
    job("PENDING", created=now - timedelta(minutes=2), outbox={})
    attention = part(shown(admin_client), "attention")
    wanted = ["/jobs/?state=dead", "requeued_at__isempty=1", "lost_at__isempty=0", "/jobs/?state=unsent"]
    assert [text for text in [*wanted, "2 minutes ago"] if text not in attention] == []


def troubled(number: int = 1) -> list[PeriodicTask]:
    """So many schedules that are late, were missed and fail, and a beat that was killed."""
    job()
    schedules = [make_schedule(f"nightly {n}") for n in range(number)]
    now = timezone.now()
    Timing.objects.update(stale="", stale_since=None, next_run_at=now - timedelta(minutes=5))
    moment = now - timedelta(minutes=7)
    Beat.objects.create(instance="killed", started_at=moment, ticked_at=moment)
    for schedule in schedules:
        Firing.objects.create(schedule=schedule, due_at=moment, decided_at=moment, outcome="missed")
        Streak.objects.create(periodic_task=schedule, failures=3, first_job="j", began_at=moment)
    return schedules


def link_of(attention: str, name: str) -> str:
    return attention.partition(f'id="attention-{name}"')[2].partition('href="')[2].partition('"')[0]


def test_a_schedule_in_trouble_is_named_and_linked(admin_client: Client) -> None:
    (schedule,) = troubled()
    attention = part(shown(admin_client), "attention")
    assert {link_of(attention, name) for name in ("late", "missed", "failing")} == {change_url(schedule)}
    assert attention.count("nightly 0:") == 3
    assert "No beat is alive" in attention
    assert "the last sign of life was 7 minutes ago" in attention


def test_many_schedules_in_trouble_are_linked_as_a_list(admin_client: Client) -> None:
    troubled(5)
    attention = part(shown(admin_client), "attention")
    for name in ("late", "missed", "failing"):
        assert link_of(attention, name) == f"{LIST}?condition={name}"
    assert attention.count("nightly 0, nightly 1, nightly 2 and others:") == 3
    assert attention.count('badge-retry">5<') == 2


def test_more_schedules_than_anyone_counts_are_not_counted() -> None:
    troubled(1)
    rule = IntervalSchedule.objects.get_or_create(every=5, period="minutes")[0]
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"many {n}", task=PAINT, interval=rule) for n in range(150)
    )
    Timing.objects.update(stale="", next_run_at=timezone.now() - timedelta(minutes=5))
    assert len(overview.load().trouble.late) == COUNTED + 1


def test_a_living_beat_and_schedules_that_run_are_no_trouble(admin_client: Client) -> None:
    job()
    make_schedule()
    now = timezone.now()
    Timing.objects.update(stale="", stale_since=None, next_run_at=now + timedelta(hours=1))
    Beat.objects.create(instance="alive", started_at=now, ticked_at=now)
    assert "Nothing needs a person." in part(shown(admin_client), "attention")


def test_who_may_not_see_schedules_gets_no_link_to_them(staff_client: Client) -> None:
    troubled()
    attention = part(shown(staff_client), "attention")
    assert "/admin/" not in attention
    assert [text for text in ("Late", "Missed", "Failing", "No beat") if text not in attention] == []


def test_links_to_the_admin_are_for_those_who_may_go_there(staff_client: Client) -> None:
    DeadLetter.objects.create(digest="d", body=b"", died_at=NOW)
    job()
    attention = part(shown(staff_client), "attention")
    assert "Dead letters" in attention
    assert "/admin/" not in attention


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
    with django_assert_max_num_queries(17):
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
    assert Job.objects.count() == 2
