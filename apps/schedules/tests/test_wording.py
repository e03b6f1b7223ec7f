from datetime import UTC, datetime
from decimal import Decimal
from zoneinfo import ZoneInfo

import pytest
from django.utils import timezone, translation
from django_celery_beat.models import ClockedSchedule, CrontabSchedule, SolarSchedule

from apps.schedules import rules
from apps.schedules.rules import Rule
from apps.schedules.wording import words


@pytest.mark.parametrize(
    ("rule", "expected"),
    [
        ("every 10 seconds", "Every 10 seconds"),
        ("every 1 second", "Every second"),
        ("every 1 hour", "Every hour"),
        ("every 2 days", "Every 2 days"),
        ("every 2000000 microseconds", "Every 2000000 microseconds"),
        ("* * * * *", "Every minute (UTC)"),
        ("*/5 * * * *", "Every 5 minutes (UTC)"),
        ("15 * * * *", "Every hour at minute 15 (UTC)"),
        ("0 2 * * * Europe/Berlin", "Every day at 02:00 (Europe/Berlin)"),
        ("5 14 * * *", "Every day at 14:05 (UTC)"),
        ("0 9 * * 1", "Every Monday at 09:00 (UTC)"),
        ("0 9 * * 0", "Every Sunday at 09:00 (UTC)"),
        ("0 9 * * mon-fri", "At 09:00, Monday through Friday (UTC)"),
        ("0 9 * * tue,thu", "At 09:00, only on Tuesday and Thursday (UTC)"),
        ("0 0 1 1 *", "At 00:00, on day 1 of the month, only in January (UTC)"),
        ("*/7 * * * *", "Every 7 minutes (UTC)"),
        ("0 */4 * * *", "Every 4 hours (UTC)"),
        ("30 8,20 * * *", "At 08:30 and 20:30 (UTC)"),
    ],
)
def test_a_rule_in_words(rule: str, expected: str) -> None:
    assert words(rules.parse(rule)) == expected


def test_a_single_time_is_told_in_the_readers_zone() -> None:
    row = ClockedSchedule(clocked_time=datetime(2026, 5, 3, 7, 0, tzinfo=UTC))
    with timezone.override(ZoneInfo("Europe/Berlin")):
        assert words(Rule("clocked", row)) == "Once on 3 May 2026 09:00"


def test_the_sun_is_told_with_its_place() -> None:
    row = SolarSchedule(event="sunset", latitude=Decimal("52.520000"), longitude=Decimal("13.405000"))
    assert words(Rule("solar", row)) == "Sunset at 52.52, 13.405"


@pytest.mark.parametrize(
    "row",
    [
        CrontabSchedule(minute="61", hour="2"),
        CrontabSchedule(minute="0", hour="0", day_of_month="30", month_of_year="2"),
        CrontabSchedule(minute="", hour=""),
        CrontabSchedule(minute="<b>", hour="2", day_of_week="x"),
    ],
)
def test_a_rule_that_cannot_be_is_still_told(row: CrontabSchedule) -> None:
    row.timezone = ZoneInfo("UTC")
    assert words(Rule("crontab", row)).endswith("(UTC)")


def test_no_rule_is_said_so() -> None:
    assert words(None) == "no rule"


@pytest.mark.parametrize(("language", "expected"), [("zh-hans", "在 09:00"), ("de", "Um 09:00")])
def test_unusual_crontabs_are_told_in_the_readers_language(language: str, expected: str) -> None:
    with translation.override(language):
        assert words(rules.parse("0 9 * * mon-fri")).startswith(expected)
