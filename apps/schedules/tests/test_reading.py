from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_celery_beat.models import CrontabSchedule

from apps.schedules import reading
from apps.schedules.tests.making import make_schedule
from apps.schedules.timetable.renewing import renew_stale


def test_what_runs_next_comes_first(db: None) -> None:
    now = timezone.now()
    make_schedule("hourly", rule="every 1 hours", last_run_at=now)
    make_schedule("quick", rule="every 10 seconds", last_run_at=now)
    make_schedule("off", rule="every 1 seconds", enabled=False)
    make_schedule("daily", rule="every 1 days", last_run_at=now)
    renew_stale()
    assert [one.name for one in reading.upcoming(2)] == ["quick", "hourly"]


def test_what_no_beat_has_seen_yet_comes_too(db: None) -> None:
    make_schedule("hourly", rule="every 1 hours")
    renew_stale()
    make_schedule("quick", rule="every 10 seconds")
    make_schedule("off", rule="every 1 seconds", enabled=False)
    make_schedule("daily", rule="every 1 days")
    assert [one.name for one in reading.upcoming(5)] == ["quick", "hourly", "daily"]


def test_a_schedule_is_told_in_words_and_in_one_line(db: None) -> None:
    now = timezone.now()
    make_schedule("nightly", rule="0 2 * * * Europe/Berlin", last_run_at=now, total_run_count=3)
    (view,) = reading.every()
    assert (view.words, view.rule) == ("Every day at 02:00 (Europe/Berlin)", "0 2 * * * Europe/Berlin")
    assert (view.last_run, view.runs, view.problem) == (now, 3, "")
    assert view.next_run is not None
    assert timedelta(0) < view.next_run - now <= timedelta(days=1, hours=1)


def test_a_rule_that_never_fires_is_told_and_left_out_of_what_comes(db: None) -> None:
    make_schedule("never")
    CrontabSchedule.objects.update(day_of_month="30", month_of_year="2")
    (view,) = reading.every()
    assert (view.next_run, "never run" in view.problem) == (None, True)
    assert reading.upcoming(5) == []


def test_many_schedules_are_read_with_two_queries(db: None, django_assert_num_queries: Any) -> None:
    for number in range(30):
        make_schedule(f"every {number}", rule=f"every {number + 1} minutes")
    renew_stale()
    with django_assert_num_queries(2):
        assert len(reading.upcoming(10)) == 10
