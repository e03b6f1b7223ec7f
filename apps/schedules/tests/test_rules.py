from typing import Any

import pytest
from celery.exceptions import ImproperlyConfigured
from django_celery_beat.models import CrontabSchedule, IntervalSchedule

from apps.schedules import rules
from apps.schedules.rules import RuleError
from apps.schedules.tests.making import make_schedule


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("every 10 seconds", "every 10 seconds"),
        ("every 1 hour", "every 1 hours"),
        ("every  2   days", "every 2 days"),
        ("0 6 * * *", "0 6 * * * UTC"),
        ("*/5 8-18 1,15 * mon-fri Asia/Shanghai", "*/5 8-18 1,15 * mon-fri Asia/Shanghai"),
        ("once 2030-05-03T09:00:00+02:00", "once 2030-05-03T07:00:00+00:00"),
        ("once 2030-05-03 09:00", "once 2030-05-03T09:00:00+00:00"),
    ],
)
def test_a_rule_survives_being_written_and_read(text: str, written: str) -> None:
    rule = rules.parse(text)
    assert rules.text(rule) == written
    assert rules.text(rules.parse(written)) == written


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "every 10 minutes"),
        ("now and then", "every 10 minutes"),
        ("every day", "every 10 minutes"),
        ("every 10 fortnights", "every 10 minutes"),
        ("every 0 seconds", "1 second to 10 years"),
        ("every 500 microseconds", "1 second to 10 years"),
        ("every 999999999 days", "1 second to 10 years"),
        ("every 1000000000 days", "1 second to 10 years"),
        ("0 25 * * *", "25"),
        ("60 0 * * *", "60"),
        ("*/0 * * * *", "expected a step of 1 or more, got “*/0”"),
        ("0 0 0 * *", "0"),
        ("0 0 30 2 *", "never run"),
        ("0 0 31 4,6,9,11 *", "never run"),
        ("0 0 * * 7", "7"),
        ("0 0 * * fun", "fun"),
        ("0 0 * * * europe", "no time zone “europe”"),
        ("0 0 * * * America", "no time zone “America”"),
        ("0 0 * * * ../../etc/passwd", "no time zone"),
        ("0 18-8 * * *", "18-8"),
        ("0 0 * * * Mars/Olympus", "Mars/Olympus"),
        ("0 " + "1," * 2500 + "1 * * *", "at most"),
        ("once", "once 2026"),
        ("once tomorrow", "once 2026"),
        ("once 2026-13-01T00:00:00", "once 2026"),
        ("sunset", "sunset 52.52 13.405"),
        ("sunset north south", "sunset 52.52 13.405"),
        ("sunset 91 0", "sunset 52.52 13.405"),
    ],
)
def test_a_bad_rule_says_what_was_expected(text: str, expected: str) -> None:
    with pytest.raises(RuleError, match=expected.replace("*", r"\*")):
        rules.parse(text)


@pytest.mark.parametrize(
    ("text", "zone", "written"),
    [
        ("0 6 * * *", "Europe/Berlin", "0 6 * * * Europe/Berlin"),
        ("0 6 * * *", "europe/berlin", "0 6 * * * Europe/Berlin"),
        ("0 6 * * * Asia/Shanghai", "Europe/Berlin", "0 6 * * * Asia/Shanghai"),
        ("once 2030-05-03 09:00", "Europe/Berlin", "once 2030-05-03T07:00:00+00:00"),
        ("once 2030-05-03T09:00:00Z", "Europe/Berlin", "once 2030-05-03T09:00:00+00:00"),
        ("once 2030-03-31 02:30", "Europe/Berlin", "once 2030-03-31T01:00:00+00:00"),  # doesn't exist
        ("once 2030-10-27 02:30", "Europe/Berlin", "once 2030-10-27T00:30:00+00:00"),  # exists twice
        ("Every 2 Hours", "Europe/Berlin", "every 2 hours"),
    ],
)
def test_a_zone_holds_where_the_line_names_none(text: str, zone: str, written: str) -> None:
    assert rules.text(rules.parse(text, zone)) == written


@pytest.mark.parametrize(
    ("text", "zone"),
    [
        ("0 6 * * *", ""),
        ("0 6 * * * Europe/Berlin", "Europe/Berlin"),
        ("once 2030-05-03 09:00", ""),
        ("once 2030-05-03T09:00:00+02:00", "+0200"),
        ("once upon a time", ""),
        ("every 10 minutes", ""),
        ("", ""),
    ],
)
def test_a_line_may_carry_its_own_zone(text: str, zone: str) -> None:
    assert rules.own_zone(text) == zone


def test_29_february_is_a_date_that_exists() -> None:
    assert rules.text(rules.parse("0 0 29 2 *")) == "0 0 29 2 * UTC"


def test_a_bad_crontab_names_its_field() -> None:
    with pytest.raises(RuleError) as error:
        rules.build(CrontabSchedule(minute="0", hour="0", day_of_week="7"))
    assert error.value.field == "day_of_week"


def without_ephem(*_: object, **__: object) -> None:
    raise ImproperlyConfigured("Missing dependency: ephem")


def test_a_rule_by_the_sun_reads_back_as_written() -> None:
    assert rules.text(rules.parse("sunset 52.52 13.405")) == "sunset 52.52 13.405"


def test_a_stored_rule_by_the_sun_reads_as_it_was_typed(db: None) -> None:
    row = rules.saved(rules.parse("sunset 52.52 100")).row
    row.refresh_from_db()
    assert rules.text(rules.Rule("solar", row)) == "sunset 52.52 100"


def test_rules_by_the_sun_need_ephem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("celery.schedules.solar.__init__", without_ephem)
    with pytest.raises(RuleError, match="ephem"):
        rules.parse("sunset 52.52 13.405")


def test_an_equal_rule_is_used_again(db: None) -> None:
    first = rules.saved(rules.parse("every 10 seconds"))
    second = rules.saved(rules.parse("every 10 seconds"))
    assert first.row == second.row
    assert IntervalSchedule.objects.count() == 1


def test_a_rule_that_is_not_saved_can_be_looked_at(django_assert_num_queries: Any, db: None) -> None:
    schedule = make_schedule()
    rules.give(schedule, rules.parse("every 7 minutes"))
    with django_assert_num_queries(0):
        found = rules.of(schedule)
    assert found is not None
    assert rules.text(found) == "every 7 minutes"


def test_the_zone_makes_a_crontab_another_one(db: None) -> None:
    berlin = rules.saved(rules.parse("0 6 * * * Europe/Berlin"))
    shanghai = rules.saved(rules.parse("0 6 * * * Asia/Shanghai"))
    assert berlin.row.pk != shanghai.row.pk
