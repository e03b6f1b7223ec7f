"""Bad rules, times and rows, by whichever way they come: each has a clear answer and holds up nobody."""

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.db import DataError, IntegrityError, connection, transaction
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, IntervalSchedule, PeriodicTask

from apps.jobs import Job, wire
from apps.schedules import rules, switching
from apps.schedules.models import Firing, Timing
from apps.schedules.rules import RuleError
from apps.schedules.tests.making import ADD, LIST, change_url, make_schedule
from apps.schedules.timetable.claiming import fire_due
from apps.schedules.timetable.due import next_due
from apps.schedules.timetable.renewing import renew_problems, renew_stale

pytestmark = pytest.mark.django_db

CRONTAB, EVERY = "0 2 * * * Europe/Berlin", "every 5 seconds"
ONCE, SUN = "once 2030-05-03T09:00:00+02:00", "sunset 52.52 13.405"
CLOCKED = "/admin/django_celery_beat/clockedschedule/"
LONG_AGO = "once 2020-01-01T00:00:00+00:00"
BEAT = "django_celery_beat_"


@pytest.fixture(autouse=True)
def no_publishing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.jobs.submitting.publish_soon", bool)


def sql(statement: str, *values: Any) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def make_due() -> None:
    """As if every schedule's next run had just come, and nobody had changed anything since."""
    sql("UPDATE schedules_timing SET next_run_at = now() - interval '1 second', stale = ''")


def timing(schedule: PeriodicTask) -> Timing:
    return Timing.objects.get(pk=schedule.pk)


def notes(schedule: PeriodicTask) -> list[tuple[str, str]]:
    return list(Firing.objects.filter(schedule=schedule).values_list("outcome", "note"))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 31 2 *", "never run"),
        ("60 * * * *", "60"),
        ("*/0 * * * *", "a step of 1 or more"),
        ("0 24 * * *", "24"),
        ("* * * *", "a crontab such as"),
        ("* * * * * UTC *", "a crontab such as"),
        ("* * * * * *", "use an interval: “every 10 seconds”"),
        ("0 */5 * * * mon-fri Europe/Berlin", "five fields and no seconds"),
        ("0 0 12 * * ? 2030", "five fields and no seconds"),
        (f"{'1,' * 2500}1 * * * *", "at most 240"),
        ("0 0 0 * *", "0"),
        ("0 0 32 * *", "32"),
        ("0 0 * 13 *", "13"),
        ("0 0 * * 7", "7"),
        ("30-10 * * * *", "30-10"),
        ("0 18-8 * * *", "18-8"),
        ("every 0 seconds", "1 second to 10 years"),
        ("every -5 seconds", "every 10 minutes"),
        ("every 1000000000 days", "1 second to 10 years"),
        ("every 999999999 days", "1 second to 10 years"),
        ("0 0 * * * Mars/Olympus", "no time zone “Mars/Olympus”"),
        ("0 0 * * * Europe", "no time zone “Europe”"),
        ("0 0 * * * ../../etc/passwd", "no time zone"),
        (f"0 0 * * * {'Z' * 5000}", "no time zone"),
        ("0 0 * * * UTC\0", "no time zone"),
        ("once 2026-02-30T00:00:00", "a time such as"),
        ("once 20260-01-01T00:00:00", "a time such as"),
        ("once 9999-12-31T23:59:59", "before the year 9999"),
        ("sunset 91 0", "a rule such as"),
        ("sunset NaN 0", "a rule such as"),
    ],
)
def test_a_line_that_is_no_rule_says_why(text: str, expected: str) -> None:
    with pytest.raises(RuleError) as error:
        rules.parse(text)
    assert expected in str(error.value)


SECOND_RULE = f"""
WITH rule AS (INSERT INTO {BEAT}intervalschedule (every, period) VALUES (9, 'days') RETURNING id)
UPDATE {BEAT}periodictask SET interval_id = rule.id FROM rule WHERE name = 'bad'
"""
# What only SQL, or tzdata on another day, can do to a row: the statement and the problem that it makes.
SPOILT = {
    "minute 60": (CRONTAB, f"UPDATE {BEAT}crontabschedule SET minute = '60'", "60"),
    "empty field": (CRONTAB, f"UPDATE {BEAT}crontabschedule SET minute = ''", "minute"),
    "control character": (CRONTAB, f"UPDATE {BEAT}crontabschedule SET minute = E'\\x01'", "minute"),
    "31 February": (
        CRONTAB, f"UPDATE {BEAT}crontabschedule SET day_of_month = '31', month_of_year = '2'", "never run",
    ),
    "zone gone": (CRONTAB, f"UPDATE {BEAT}crontabschedule SET timezone = 'Mars/Olympus'", "Mars/Olympus"),
    "no zone": (CRONTAB, f"UPDATE {BEAT}crontabschedule SET timezone = ''", "no time zone"),
    "zone with a way out": (CRONTAB, f"UPDATE {BEAT}crontabschedule SET timezone = '../etc'", "../etc"),
    "zone that is a folder": (CRONTAB, f"UPDATE {BEAT}crontabschedule SET timezone = 'Europe'", "Europe"),
    "every 0": (EVERY, f"UPDATE {BEAT}intervalschedule SET every = 0", "1 second to 10 years"),
    "every -5": (EVERY, f"UPDATE {BEAT}intervalschedule SET every = -5", "1 second to 10 years"),
    "every 10^9 days": (
        EVERY, f"UPDATE {BEAT}intervalschedule SET every = 1000000000, period = 'days'", "10 years",
    ),
    "odd period": (EVERY, f"UPDATE {BEAT}intervalschedule SET period = 'fortnights'", "days, hours, minutes"),
    "end of time": (ONCE, f"UPDATE {BEAT}clockedschedule SET clocked_time = 'infinity'", "year 9999"),
    "year 20000": (ONCE, f"UPDATE {BEAT}clockedschedule SET clocked_time = '20000-01-01'", "year 9999"),
    "start never": (
        EVERY, f"UPDATE {BEAT}periodictask SET start_time = 'infinity' WHERE name = 'bad'", "year 9999",
    ),
    "end in 20000": (
        EVERY, f"UPDATE {BEAT}periodictask SET expires = '20000-01-01' WHERE name = 'bad'", "year 9999",
    ),
    "no such latitude": (SUN, f"UPDATE {BEAT}solarschedule SET latitude = 900", "-90 to 90"),
    "latitude is no number": (SUN, f"UPDATE {BEAT}solarschedule SET latitude = 'NaN'", "-90 to 90"),
    "odd event": (SUN, f"UPDATE {BEAT}solarschedule SET event = 'noon'", "noon"),
    "no rule": (CRONTAB, f"UPDATE {BEAT}periodictask SET crontab_id = NULL WHERE name = 'bad'", "no rule"),
    "two rules": (
        CRONTAB,
        SECOND_RULE,
        "expected one rule, got interval, crontab",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILT)
def test_a_spoilt_row_shows_its_problem_and_others_fire_on(name: str) -> None:
    rule, statement, problem = SPOILT[name]
    bad = make_schedule("bad", rule=rule)
    sql(statement)
    good = make_schedule("good", rule="every 7 seconds")
    while renew_stale():
        pass
    assert timing(good).next_run_at is not None
    found = Timing.objects.get(pk=bad.pk)
    assert (found.next_run_at, found.stale) == (None, "")
    assert problem in found.problem


@pytest.mark.parametrize("name", SPOILT)
def test_a_row_that_is_spoilt_once_it_waits_holds_up_no_firing(name: str) -> None:
    rule, statement, problem = SPOILT[name]
    bad = make_schedule("bad", rule=rule)
    renew_stale()
    sql(statement)
    good = make_schedule("good", rule="every 7 seconds")
    make_due()
    fire_due()
    assert notes(good) == [("fired", "")]
    found = timing(bad)
    assert found.next_run_at is None
    assert problem in found.problem


@pytest.mark.parametrize(
    "name",
    [
        "minute 60",
        "zone gone",
        "odd period",
        "odd event",
        "no rule",
        "two rules",
        "end of time",
        "year 20000",
        "start never",
        "end in 20000",
    ],
)
@pytest.mark.parametrize("seen_by_beat", [False, True])
def test_the_pages_show_a_spoilt_row(admin_client: Client, name: str, seen_by_beat: bool) -> None:
    rule, statement, problem = SPOILT[name]
    bad = make_schedule("bad", rule=rule)
    sql(statement)
    if seen_by_beat:
        renew_stale()
    assert "never: bad rule" in admin_client.get(LIST).content.decode()
    for url in (LIST, change_url(bad)):
        assert problem.lower() in admin_client.get(url).content.decode().lower()
    pages = ["/", "/admin/", CLOCKED] + [
        f"{CLOCKED}{row.pk}/change/" for row in ClockedSchedule.objects.all()
    ]
    assert [admin_client.get(url).status_code for url in pages] == [200] * len(pages)


def test_a_zone_that_comes_back_counts_from_the_next_start_of_beat() -> None:
    schedule = make_schedule(rule=CRONTAB)
    sql("ALTER TABLE django_celery_beat_crontabschedule DISABLE TRIGGER USER")  # tzdata changes no row
    sql(f"UPDATE {BEAT}crontabschedule SET timezone = 'Mars/Olympus'")
    Timing.objects.update(stale="edited")
    renew_stale()
    sql(f"UPDATE {BEAT}crontabschedule SET timezone = 'Europe/Berlin'")
    assert renew_stale() == 0
    assert (renew_problems(), renew_stale()) == (1, 1)
    assert (timing(schedule).problem, timing(schedule).next_run_at is not None) == ("", True)
    assert renew_problems() == 0


def test_a_crontab_cannot_be_saved_with_a_zone_that_is_not_there() -> None:
    make_schedule(rule=CRONTAB)
    sql(f"UPDATE {BEAT}crontabschedule SET timezone = 'Mars/Olympus'")
    row = CrontabSchedule.objects.get()
    assert str(row.timezone) == "Mars/Olympus"
    with pytest.raises(ValidationError, match="Mars/Olympus"), transaction.atomic():
        row.save()
    row.timezone = ZoneInfo("Europe/Berlin")
    row.save()
    with pytest.raises(ValidationError, match="Mars/Olympus"):
        CrontabSchedule(timezone="Mars/Olympus")


def test_at_a_time_that_the_clock_skips_it_is_due_right_after() -> None:
    schedule = make_schedule(rule="30 2 29 3 * Europe/Berlin")
    spring = datetime(2026, 3, 1, tzinfo=UTC)
    assert next_due(schedule, spring, spring) == datetime(2026, 3, 29, 1, 0, tzinfo=UTC)


def test_a_start_after_the_end_is_never_due(admin_client: Client) -> None:
    day = timedelta(days=1)
    now = timezone.now()
    schedule = make_schedule(rule=EVERY, start_time=now + 2 * day, expires=now + day)
    renew_stale()
    assert (timing(schedule).next_run_at, timing(schedule).problem) == (None, "")
    assert "none to come" in admin_client.get(LIST).content.decode()


def test_a_single_time_that_has_passed_when_it_is_written_down_was_missed() -> None:
    schedule = make_schedule(rule=LONG_AGO)
    renew_stale()
    assert timing(schedule).next_run_at == datetime(2020, 1, 1, tzinfo=UTC)
    fire_due()
    schedule.refresh_from_db()
    assert (schedule.enabled, Job.objects.count()) == (False, 1)


def test_a_single_time_that_has_passed_fires_no_more_once_it_is_switched_on() -> None:
    schedule = make_schedule(rule=LONG_AGO, enabled=False)
    renew_stale()
    assert switching.enable(PeriodicTask.objects.all()) == 0
    PeriodicTask.objects.update(enabled=True)
    renew_stale()
    assert (timing(schedule).next_run_at, fire_due()) == (None, 0)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"args": "[1"}, "args: expected JSON"),
        ({"args": '{"left": 1}'}, "args: expected a JSON list"),
        ({"args": "7"}, "args: expected a JSON list"),
        ({"kwargs": "{left: 1}"}, "kwargs: expected JSON"),
        ({"kwargs": "[1]"}, "kwargs: expected a JSON object"),
        ({"kwargs": '{"left": NaN}'}, "left"),
        ({"kwargs": '{"left": "many"}'}, "left"),
        ({"kwargs": "[" * 100_000}, "kwargs"),
        ({"headers": "[]"}, "headers: expected a JSON object"),
        ({"task": "shop.tasks.gone_task"}, "shop.tasks.gone_task"),
        ({"task": ""}, ""),
        ({"queue": "nowhere"}, "queue"),
        ({"priority": 2**31 - 1}, "priority"),
    ],
)
def test_what_no_job_can_be_made_of_is_an_error_of_the_firing(fields: dict[str, Any], expected: str) -> None:
    bad, good = make_schedule("bad", rule=EVERY), make_schedule("good", rule=EVERY)
    PeriodicTask.objects.filter(pk=bad.pk).update(**fields)
    renew_stale()
    make_due()
    fire_due()
    ((outcome, note),) = notes(bad)
    assert outcome == "error"
    assert expected in note
    assert notes(good) == [("fired", "")]


@pytest.mark.parametrize(
    "name", ["two\x07bells", "line\nbreak", "\u202eright to left", "<script>", "n" * 200]
)
def test_a_schedule_of_any_name_fires_under_it(admin_client: Client, name: str) -> None:
    schedule = make_schedule(name, rule=EVERY)
    renew_stale()
    make_due()
    fire_due()
    assert notes(schedule) == [("fired", "")]
    assert wire.message(Job.objects.get()).headers["periodic_task_name"] == name
    page = admin_client.get(change_url(schedule))
    assert page.status_code == 200
    assert "<script></" not in page.content.decode()


def test_the_tables_refuse_what_does_not_fit_them() -> None:
    with pytest.raises(DataError, match="too long"):
        CrontabSchedule.objects.create(minute="1," * 2500)


def test_the_tables_refuse_a_name_that_is_taken() -> None:
    make_schedule("nightly")
    with pytest.raises(IntegrityError, match="nightly"):
        PeriodicTask.objects.bulk_create([PeriodicTask(name="nightly", task=ADD)])


def test_the_tables_refuse_a_number_past_theirs() -> None:
    with pytest.raises(DataError, match="out of range"):
        IntervalSchedule.objects.create(every=2**31, period="days")


def test_the_model_refuses_two_rules_or_none() -> None:
    rule = IntervalSchedule.objects.create(every=5, period="seconds")
    single = ClockedSchedule.objects.create(clocked_time=timezone.now())
    with pytest.raises(ValidationError, match="must be set"):
        PeriodicTask.objects.create(name="none", task=ADD)
    with pytest.raises(ValidationError, match="Only one of"):
        PeriodicTask.objects.create(name="two", task=ADD, interval=rule, clocked=single, one_off=True)
