from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, PeriodicTask

from apps.schedules import rules
from apps.schedules.forecasting import next_run, next_runs, runs_if_saved, skipped
from apps.schedules.models import Timing
from apps.schedules.rules import RuleError
from apps.schedules.tests.making import make_schedule
from apps.schedules.timetable.renewing import renew_stale

NOON = datetime(2026, 6, 1, 12, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    "rule",
    ["every 30 seconds", "every 2 hours", "* * * * *", "0 2 * * * Europe/Berlin", "30 4 1 * *", "0 0 29 2 *"],
)
def test_the_next_run_is_the_one_beat_makes(db: None, rule: str) -> None:
    schedule = make_schedule(rule=rule)
    told = found(schedule, timezone.now())
    renew_stale()
    made = Timing.objects.get(pk=schedule.pk).next_run_at
    assert made is not None
    assert abs(told - made) < timedelta(seconds=2)
    schedule.timing.refresh_from_db()
    assert found(schedule, timezone.now()) == made


def test_its_start_is_the_first_run_of_an_interval(db: None) -> None:
    schedule = make_schedule(rule="every 30 seconds", start_time=NOON + HOUR)
    assert next_runs(schedule, NOON, 2) == [NOON + HOUR, NOON + HOUR + timedelta(seconds=30)]


def test_a_crontab_waits_for_its_start(db: None) -> None:
    schedule = make_schedule(rule="0 * * * *", start_time=NOON + 1.5 * HOUR)
    assert next_runs(schedule, NOON, 1) == [NOON + 2 * HOUR]


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


def test_a_paused_schedule_goes_on_when_its_pause_is_over(db: None) -> None:
    schedule = make_schedule(rule="0 * * * *")
    pause = {"paused_at": NOON, "paused_until": NOON + 3 * HOUR}
    Timing.objects.filter(pk=schedule.pk).update(**pause)
    assert next_runs(schedule, NOON, 1) == [NOON + 3 * HOUR]
    Timing.objects.filter(pk=schedule.pk).update(paused_until=None)
    schedule.timing.refresh_from_db()
    assert next_runs(schedule, NOON) == []


def test_a_disabled_schedule_has_no_next_run_but_a_forecast(db: None) -> None:
    schedule = make_schedule(rule="every 1 hours", enabled=False)
    assert next_run(schedule, NOON) is None
    assert next_runs(schedule, NOON, 2) == [NOON + HOUR, NOON + 2 * HOUR]


def test_a_single_time_comes_once(db: None) -> None:
    schedule = make_schedule(rule="once 2026-06-01T15:00:00+00:00")
    assert next_runs(schedule, NOON) == [NOON + 3 * HOUR]


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


@pytest.mark.parametrize("rule", ["every 50 seconds", "* * * * *"])
def test_an_edit_runs_next_when_it_was_told_to(db: None, rule: str) -> None:
    """An interval is still counted from where it was."""
    schedule = make_schedule(rule="every 70 seconds")
    renew_stale()
    schedule.refresh_from_db()
    rules.give(schedule, rules.parse(rule))
    told = runs_if_saved(schedule, timezone.now())[0]
    rules.give(schedule, rules.saved(rules.parse(rule)))
    schedule.save()
    renew_stale()
    assert Timing.objects.get(pk=schedule.pk).next_run_at == told


def test_what_would_run_is_told_of_a_schedule_not_saved_yet() -> None:
    schedule = PeriodicTask(start_time=NOON + HOUR, expires=NOON + 4 * HOUR)
    rules.give(schedule, rules.parse("every 1 hour"))
    assert runs_if_saved(schedule, NOON) == [NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR]
    schedule.one_off = True
    assert runs_if_saved(schedule, NOON) == [NOON + HOUR]


def test_a_pause_without_end_is_looked_past(db: None) -> None:
    schedule = make_schedule(rule="0 * * * *")
    Timing.objects.filter(pk=schedule.pk).update(paused_at=NOON)
    assert runs_if_saved(schedule, NOON, 1) == [NOON + HOUR]


@pytest.mark.parametrize(
    ("rule", "after", "due", "stands_for"),
    [
        ("30 2 * * * Europe/Berlin", "2027-03-27T12:00", "2027-03-28T01:00", "2027-03-28T02:30:00"),
        ("*/20 2 * * * America/New_York", "2027-03-13T12:00", "2027-03-14T07:00", "2027-03-14T02:00:00"),
        ("0 3 * * * Europe/Berlin", "2027-03-27T12:00", "2027-03-28T01:00", ""),
        ("30 2 * * * Europe/Berlin", "2027-10-30T12:00", "2027-10-31T00:30", ""),
        ("every 1 hours", "2027-03-28T00:00", "2027-03-28T01:00", ""),
    ],
)
def test_a_run_tells_which_skipped_time_it_stands_for(
    rule: str, after: str, due: str, stands_for: str
) -> None:
    schedule = PeriodicTask()
    rules.give(schedule, rules.parse(rule))
    (run,) = runs_if_saved(schedule, datetime.fromisoformat(f"{after}+00:00"), 1)
    assert run.isoformat() == f"{due}:00+00:00"
    found = skipped(schedule, run)
    assert (found.isoformat() if found else "") == stands_for


def test_which_rule_a_schedule_has_costs_no_query(db: None, django_assert_num_queries: Any) -> None:
    schedule = make_schedule()
    schedule.refresh_from_db()
    with django_assert_num_queries(1):
        rule = rules.of(schedule)
    assert rule is not None
    assert rule.kind == "crontab"
