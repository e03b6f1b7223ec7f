"""The rule of a schedule in its form: one line of text, and the zone."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.test import Client
from django.utils import timezone
from django_celery_beat.models import CrontabSchedule, IntervalSchedule, PeriodicTask

from apps.planner.tests.test_form import change
from apps.schedules import rules
from apps.schedules.models import Timing
from apps.schedules.tests.making import ADD, LIST, change_url, errors, filled_in, make_schedule
from apps.schedules.timetable.renewing import renew_stale

PASSED = "This time has passed. Choose one to come."


def rule_of(schedule: PeriodicTask) -> str:
    found = rules.of(PeriodicTask.objects.get(pk=schedule.pk))
    return rules.text(found) if found else ""


@pytest.mark.parametrize(
    ("line", "zone", "stored"),
    [
        ("every 10 minutes", "UTC", "every 10 minutes"),
        ("every 1 hour", "Europe/Berlin", "every 1 hours"),
        ("0 6 * * 1-5", "Europe/Berlin", "0 6 * * 1-5 Europe/Berlin"),
        ("0 6 * * 1-5", "europe/berlin", "0 6 * * 1-5 Europe/Berlin"),
        ("0 6 * * 1-5", "", "0 6 * * 1-5 UTC"),
        ("0 6 * * 1-5 Europe/Berlin", "UTC", "0 6 * * 1-5 Europe/Berlin"),
        ("0 6 * * 1-5 Europe/Berlin", "Europe/Berlin", "0 6 * * 1-5 Europe/Berlin"),
        ("once 2100-05-03 09:00", "Europe/Berlin", "once 2100-05-03T07:00:00+00:00"),
        ("once 2100-05-03 09:00-04:00", "UTC", "once 2100-05-03T13:00:00+00:00"),
        ("sunset 52.52 13.405", "UTC", "sunset 52.52 13.405"),
        ("every 10 minutes", "Mars/Olympus", "every 10 minutes"),  # its field is hidden then
    ],
)
def test_each_kind_is_made_from_its_line(admin_client: Client, line: str, zone: str, stored: str) -> None:
    data = filled_in(admin_client.get(f"{LIST}add/"), name="new", task=ADD, rule=line, zone=zone)
    data |= {"arguments_as": "json", "kwargs": '{"left": 1}'}
    assert errors(admin_client.post(f"{LIST}add/", data)) == {}
    made = PeriodicTask.objects.get()
    assert rule_of(made) == stored
    assert [bool(getattr(made, f"{kind}_id")) for kind in rules.KINDS].count(True) == 1
    assert made.one_off == line.startswith("once")


@pytest.mark.parametrize(
    ("line", "zone", "field", "expected"),
    [
        ("", "UTC", "rule", "required"),
        ("now and then", "UTC", "rule", "Expected “every 10 minutes”, “once” with a time, or a crontab"),
        ("x" * 5000, "UTC", "rule", "at most 1000 characters"),
        ("0 6 * *\x07 *", "UTC", "rule", "without control characters"),
        ("*/0 * * * *", "UTC", "rule", "Expected a step of 1 or more, got “*/0”."),
        ("60 * * * *", "UTC", "rule", "Expected the minute to be within 0 to 59, got “60”."),
        ("0 0 * * 7", "UTC", "rule", "Expected the day of the week to be within 0 to 6, Sunday is 0"),
        ("0 0 31 2 *", "UTC", "rule", "No such date exists, so this would never run."),
        ("every 0 seconds", "UTC", "rule", "Expected an interval of 1 second to 10 years."),
        ("every 1000000000 days", "UTC", "rule", "Expected an interval of 1 second to 10 years."),
        ("sunset 91 0", "UTC", "rule", "sunset 52.52 13.405"),
        ("once in a while", "UTC", "rule", "Expected a time such as “once 2026"),
        ("once 2020-01-01 00:00", "UTC", "rule", PASSED),
        ("0 6 * * *", "Mars/Olympus", "zone", "There is no time zone “Mars/Olympus”."),
        ("0 6 * * *", "z" * 64, "zone", "at most 63 characters"),
        ("0 6 * * *", "UTC\x00", "zone", "Null characters"),
        ("0 6 * * * Mars/Olympus", "UTC", "rule", "There is no time zone “Mars/Olympus”."),
        ("0 6 * * * Asia/Tokyo", "Europe/Berlin", "zone", "The zone is given twice: here “Europe/Berlin”"),
        ("once 2100-01-01 00:00+01:00", "Asia/Tokyo", "zone", "The zone is given twice"),
    ],
)
def test_a_bad_rule_is_refused_where_it_is_wrong(
    admin_client: Client, line: str, zone: str, field: str, expected: str
) -> None:
    schedule = make_schedule()
    found = change(admin_client, schedule, rule=line, zone=zone)
    assert list(found) == [field]
    assert expected in " ".join(found[field])
    assert rule_of(schedule) == "0 2 * * * UTC"


def test_a_rule_can_be_exchanged_for_another_kind(admin_client: Client) -> None:
    schedule = make_schedule()
    assert change(admin_client, schedule, rule="every 5 minutes") == {}
    assert (schedule.crontab, str(schedule.interval)) == (None, "every 5 minutes")
    assert "Rule: 0 2 * * * UTC → every 5 minutes" in str(LogEntry.objects.latest("pk"))


def test_a_zone_alone_can_be_changed(admin_client: Client) -> None:
    schedule = make_schedule(rule="0 2 * * * Europe/Berlin")
    assert change(admin_client, schedule, zone="Asia/Tokyo") == {}
    assert rule_of(schedule) == "0 2 * * * Asia/Tokyo"


@pytest.mark.parametrize(
    ("stored", "line", "zone"),
    [
        ("every 1 hours", "every  1 hour", "UTC"),
        ("0 2 * * * Europe/Berlin", "0 2 * * * Europe/Berlin", "Europe/Berlin"),
        ("0 2 * * * Europe/Berlin", " 0 2  * * *", "europe/berlin"),
        ("once 2100-05-03T07:00:00+00:00", "once 2100-05-03 09:00", "Europe/Berlin"),
        ("sunset 52.52 13.405", "sunset 52.520 13.4050", "UTC"),
    ],
)
def test_the_same_rule_in_other_words_is_no_change(
    admin_client: Client, stored: str, line: str, zone: str
) -> None:
    schedule = make_schedule(rule=stored)
    renew_stale()
    before = PeriodicTask.objects.values(*rules.KINDS).get()
    assert change(admin_client, schedule, rule=line, zone=zone) == {}
    assert PeriodicTask.objects.values(*rules.KINDS).get() == before
    assert Timing.objects.get().stale == ""
    assert "No fields changed" in str(LogEntry.objects.latest("pk"))


@pytest.mark.parametrize(
    "stored",
    ["every 90 seconds", "0 2 * * 1 Asia/Tokyo", "once 2100-05-03T07:00:30+00:00", "sunset -1.5 100"],
)
def test_what_the_form_shows_is_what_it_reads(admin_client: Client, stored: str) -> None:
    schedule = make_schedule(rule=stored)
    assert change(admin_client, schedule, description="new") == {}
    assert rule_of(schedule) == stored


def test_a_rule_that_others_use_is_left_to_them(admin_client: Client) -> None:
    schedule, other = make_schedule("one"), make_schedule("other")
    shared = CrontabSchedule.objects.values().get()
    assert change(admin_client, schedule, rule="0 3 * * *") == {}
    assert CrontabSchedule.objects.values().get(pk=shared["id"]) == shared
    assert (rule_of(schedule), rule_of(other)) == ("0 3 * * * UTC", "0 2 * * * UTC")


def test_a_rule_that_exists_is_used_again(admin_client: Client) -> None:
    existing = make_schedule("other", rule="every 5 minutes").interval
    schedule = make_schedule()
    assert change(admin_client, schedule, rule="every 5 minutes") == {}
    assert schedule.interval == existing
    assert IntervalSchedule.objects.count() == 1


def test_what_is_refused_leaves_no_rule_behind(admin_client: Client) -> None:
    change(admin_client, make_schedule(), rule="every 5 minutes", name="")
    assert not IntervalSchedule.objects.exists()


def test_runs_counted_meanwhile_survive_a_new_rule(admin_client: Client) -> None:
    schedule = make_schedule()
    data = filled_in(admin_client.get(change_url(schedule)), rule="every 5 minutes")
    PeriodicTask.objects.update(total_run_count=7, last_run_at=timezone.now())
    admin_client.post(change_url(schedule), data)
    schedule.refresh_from_db()
    assert (schedule.total_run_count, str(schedule.interval)) == (7, "every 5 minutes")
    assert schedule.last_run_at is not None


def test_a_single_time_is_a_one_off_without_being_asked(admin_client: Client) -> None:
    schedule = make_schedule()
    assert change(admin_client, schedule, rule="once 2100-01-01 00:00") == {}
    assert schedule.one_off


def test_what_ran_at_its_time_can_still_be_described(admin_client: Client) -> None:
    schedule = make_schedule(rule="once 2020-01-01T00:00:00+00:00", enabled=False)
    assert change(admin_client, schedule, description="It went well.") == {}
    assert change(admin_client, schedule, enabled="on") == {"rule": [PASSED]}


def test_a_stored_rule_that_never_fires_is_refused(admin_client: Client) -> None:
    schedule = make_schedule()
    type(schedule.crontab).objects.update(day_of_month="30", month_of_year="2")
    assert "never run" in change(admin_client, schedule, description="x")["rule"][0]


def test_the_page_offers_examples_and_every_zone(admin_client: Client) -> None:
    page = admin_client.get(f"{LIST}add/").content.decode()
    for kind, lines in examples_in(page).items():
        assert {rules.parse(line).kind for line in lines} == {kind}
    assert '<option value="America/New_York">' in page
    hour_ahead = rules.parse(examples_in(page)["clocked"][0]).row.clocked_time
    assert timedelta(minutes=58) < hour_ahead - timezone.now() <= timedelta(hours=1)


def examples_in(page: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for part in page.split('data-kind="')[1:]:
        kind = part.partition('"')[0]
        lines: Any = [line.partition('"')[0] for line in part.split('data-rule="')[1:]]
        if lines:
            found[kind] = lines
    return found
