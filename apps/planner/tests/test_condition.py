"""What is wrong with schedules, in their list."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import PeriodicTask

from apps.planner import columns
from apps.planner.tests.test_admin import make_job, row_names, text
from apps.schedules import condition, pausing
from apps.schedules.models import Firing, Streak, Timing
from apps.schedules.tests.making import LIST, make_schedule
from apps.schedules.timetable.renewing import renew_stale

pytestmark = pytest.mark.django_db


def timed(name: str, **columns: Any) -> PeriodicTask:
    schedule = make_schedule(name, rule="every 3600 seconds")
    renew_stale()
    Timing.objects.filter(pk=schedule.pk).update(**columns)
    return schedule


def streak(schedule: PeriodicTask, failures: int = 3) -> None:
    Streak.objects.create(
        periodic_task=schedule, failures=failures, first_job="first", began_at=timezone.now()
    )


@pytest.fixture
def one_of_each(db: None) -> None:
    now = timezone.now()
    timed("fine")
    timed("late", next_run_at=now - timedelta(minutes=12))
    streak(timed("failing"), 4)
    pausing.pause(PeriodicTask.objects.filter(pk=timed("paused").pk))
    timed("problem", next_run_at=None, problem="no such date")
    for name, hours in (("missed", 1), ("missed long ago", 25)):
        moment = now - timedelta(hours=hours)
        Firing.objects.create(schedule=timed(name), due_at=moment, decided_at=moment, outcome="missed")


@pytest.mark.parametrize("name", condition.CONDITIONS)
def test_schedules_are_found_by_their_condition(admin_client: Client, one_of_each: None, name: str) -> None:
    assert row_names(admin_client, f"condition={name}") == [name]


def test_a_condition_that_nobody_knows_is_no_crash(admin_client: Client, one_of_each: None) -> None:
    assert len(row_names(admin_client, "condition=odd")) == 7


def test_what_is_late_says_how_late(admin_client: Client, one_of_each: None) -> None:
    page = text(admin_client, LIST)
    assert page.count("late by") == 1
    assert "late by 12 min" in page


def test_what_fails_again_and_again_says_how_often(admin_client: Client, one_of_each: None) -> None:
    make_job("failing", "FAILURE")
    page = text(admin_client, LIST)
    assert page.count("failing ×") == 1
    assert "failing ×4" in page


@pytest.mark.parametrize(
    ("minutes", "changes"),
    [(0.9, {}), (5, {"stale": "edited", "stale_since": timezone.now()}), (-5, {})],
)
def test_what_is_due_in_time_or_just_edited_is_not_late(
    admin_client: Client, minutes: float, changes: dict[str, Any]
) -> None:
    timed("fine", next_run_at=timezone.now() - timedelta(minutes=minutes), **changes)
    assert "late by" not in text(admin_client, LIST)
    assert row_names(admin_client, "condition=late") == []


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(75, "75 s"), (119, "119 s"), (120, "2 min"), (3599, "59 min"), (7300, "2 h"), (200_000, "2 d")],
)
def test_a_badge_holds_a_short_time(seconds: int, words: str) -> None:
    assert columns.span(timedelta(seconds=seconds)) == words


def test_a_long_streak_is_not_counted_to_its_end() -> None:
    schedule = make_schedule()
    streak(schedule, 100)
    assert "failing ×100+" in columns.failing(schedule.streak)
