from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule
from django_celery_beat.schedulers import ModelEntry

from apps.schedules import rules
from apps.schedules.forecasting import next_run, next_runs
from apps.schedules.rules import RuleError
from apps.schedules.tests.making import make_schedule

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize("ran_ago", [None, timedelta(seconds=20), timedelta(days=3)])
@pytest.mark.parametrize(
    "rule",
    ["every 30 seconds", "every 2 hours", "* * * * *", "0 2 * * * Europe/Berlin", "30 4 1 * *", "0 0 29 2 *"],
)
def test_the_next_run_is_the_one_beat_would_make(db: None, rule: str, ran_ago: timedelta | None) -> None:
    now = timezone.now()
    schedule = make_schedule(rule=rule, last_run_at=now - ran_ago if ran_ago else None)
    due, seconds = ModelEntry(schedule).is_due()
    expected = now if due else now + timedelta(seconds=seconds)
    schedule.refresh_from_db()
    assert abs(found(schedule, now) - expected) < timedelta(seconds=2)


@pytest.mark.parametrize("rule", ["every 30 seconds", "0 2 * * * Europe/Berlin"])
@pytest.mark.parametrize("starts_in", [HOUR, -HOUR])
def test_a_begin_counts_as_beat_counts_it(db: None, rule: str, starts_in: timedelta) -> None:
    now = timezone.now()
    schedule = make_schedule(rule=rule, start_time=now + starts_in)
    due, seconds = ModelEntry(schedule).is_due()
    expected = now if due else now + timedelta(seconds=seconds)
    schedule.refresh_from_db()
    assert abs(found(schedule, now) - expected) < timedelta(seconds=2)


def found(schedule: Any, now: datetime) -> datetime:
    moment = next_run(schedule, now)
    assert moment is not None
    return moment


def test_the_next_five_follow_the_rule(db: None) -> None:
    schedule = make_schedule(rule="0 2 * * 1 Europe/Berlin", last_run_at=NOON)
    local = [run.astimezone(ZoneInfo("Europe/Berlin")) for run in next_runs(schedule, NOON)]
    assert [run.strftime("%a %d %b %H:%M") for run in local] == [
        "Mon 08 Jun 02:00", "Mon 15 Jun 02:00", "Mon 22 Jun 02:00", "Mon 29 Jun 02:00", "Mon 06 Jul 02:00",
    ]  # fmt: skip


def test_an_interval_counts_from_its_last_run(db: None) -> None:
    schedule = make_schedule(rule="every 10 minutes", last_run_at=NOON - timedelta(minutes=4))
    assert next_runs(schedule, NOON, 2) == [NOON + timedelta(minutes=6), NOON + timedelta(minutes=16)]


def test_what_is_overdue_runs_at_once(db: None) -> None:
    assert next_run(make_schedule(rule="every 1 hours", last_run_at=NOON - 2 * HOUR), NOON) == NOON


def test_a_disabled_schedule_has_no_next_run_but_a_forecast(db: None) -> None:
    schedule = make_schedule(rule="every 1 hours", enabled=False)
    assert next_run(schedule, NOON) is None
    assert next_runs(schedule, NOON, 2) == [NOON + HOUR, NOON + 2 * HOUR]


def test_a_single_time_comes_once(db: None) -> None:
    schedule = make_schedule(rule="once 2026-06-01T15:00:00+00:00")
    assert next_runs(schedule, NOON) == [NOON + 3 * HOUR]


def test_a_one_off_that_ran_has_none_to_come(db: None) -> None:
    assert next_runs(make_schedule(one_off=True, total_run_count=1), NOON) == []


def test_nothing_runs_after_the_end(db: None) -> None:
    schedule = make_schedule(rule="every 1 hours", last_run_at=NOON, expires=NOON + 2.5 * HOUR)
    assert next_runs(schedule, NOON) == [NOON + HOUR, NOON + 2 * HOUR]


def test_a_rule_that_never_fires_is_an_error_and_no_endless_loop(db: None) -> None:
    schedule = make_schedule()
    CrontabSchedule.objects.filter(pk=schedule.crontab_id).update(day_of_month="30", month_of_year="2")
    schedule.refresh_from_db()
    with pytest.raises(RuleError, match="never run"):
        next_run(schedule, NOON)


@pytest.mark.parametrize("rule", ["*/30 * * * *", "30 2 * * *", "0 */2 * * *", "15 1,2,3 * * *"])
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Africa/Cairo"])
def test_runs_go_forward_over_every_change_of_the_clock(db: None, rule: str, zone: str) -> None:
    schedule = make_schedule(rule=f"{rule} {zone}", last_run_at=datetime(2026, 1, 1, tzinfo=UTC))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    runs = next_runs(schedule, start, 600)
    assert len(runs) == 600
    assert all(later > earlier for earlier, later in pairwise(runs))


def test_which_rule_a_schedule_has_costs_no_query(db: None, django_assert_num_queries: Any) -> None:
    schedule = make_schedule()
    schedule.refresh_from_db()
    with django_assert_num_queries(1):
        rule = rules.of(schedule)
    assert rule is not None
    assert rule.kind == "crontab"
