"""Rules whose next time is far away, never, or not where a wall clock would have it."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from apps.schedules.moments import (
    BadField,
    Crontab,
    Every,
    NaiveMoment,
    NeverDue,
    Once,
    OutOfCalendar,
    Rule,
    Sun,
    between,
    moments,
)

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 11, 29, 12, 0, tzinfo=UTC)


def crontab(text: str, zone: str = "UTC") -> Crontab:
    minute, hour, day, month, weekday = text.split()
    return Crontab(minute, hour, day, month, weekday, ZoneInfo(zone))


def days(rule: Any, after: datetime = NOW, count: int = 4) -> list[str]:
    return [f"{moment:%Y-%m-%d}" for moment in islice(moments(rule, after), count)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0 0 29 2 *", ["2028-02-29", "2032-02-29", "2036-02-29", "2040-02-29"]),
        ("0 0 31 * *", ["2026-12-31", "2027-01-31", "2027-03-31", "2027-05-31"]),
        ("0 0 30 1-3 *", ["2027-01-30", "2027-03-30", "2028-01-30", "2028-03-30"]),
        ("0 0 29 2 1", ["2044-02-29", "2072-02-29"]),
        ("0 0 13 * 5", ["2027-08-13", "2028-10-13", "2029-04-13", "2029-07-13"]),
    ],
)
def test_days_that_few_months_have(text: str, expected: list[str]) -> None:
    assert days(crontab(text), count=len(expected)) == expected


def test_a_leap_day_may_be_eight_years_away() -> None:
    assert days(crontab("0 0 29 2 *"), datetime(2096, 3, 1, tzinfo=UTC), 1) == ["2104-02-29"]


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "* * 31 4 1"])
def test_a_day_that_no_year_has_is_refused(text: str) -> None:
    with pytest.raises(NeverDue, match="would never be due"):
        crontab(text)


def test_the_calendar_ends() -> None:
    last = datetime(9998, 12, 31, 23, 59, tzinfo=UTC)
    assert crontab("59 23 31 12 *").next_after(last) is None
    assert Every(3600, NOW).next_after(datetime(9999, 12, 31, 23, 30, tzinfo=UTC)) is None
    with pytest.raises(OutOfCalendar):
        crontab("0 0 * * *").next_after(datetime(1, 1, 1, tzinfo=ZoneInfo("Asia/Tokyo")))


def test_an_interval_counts_elapsed_time_over_a_change_of_the_clock() -> None:
    anchor = datetime(2026, 3, 28, 12, 0, tzinfo=BERLIN)
    rule = Every(timedelta(days=1), anchor)
    local = [moment.astimezone(BERLIN).hour for moment in between(rule, anchor, NOW, 3)]
    assert local == [13, 13, 13]
    assert rule.next_after(anchor) - anchor == timedelta(days=1)  # type: ignore[operator]


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf"), "ten", None])
def test_an_interval_is_a_positive_time(seconds: Any) -> None:
    with pytest.raises((BadField, TypeError)):
        Every(seconds, NOW)


def test_the_answer_depends_on_nothing_but_the_moment() -> None:
    """Whoever asks later, or with a clock that was set back, hears the same times."""
    rules: list[Rule] = [
        Every(7.5, NOW),
        crontab("*/5 * * * *"),
        crontab("30 2 * * *", "Europe/Berlin"),
        Once(NOW),
    ]
    for rule in rules:
        forth = between(rule, NOW - timedelta(days=2), NOW + timedelta(minutes=1), 10_000)
        back = [rule.next_after(due - timedelta(microseconds=1)) for due in reversed(forth)]
        assert back == forth[::-1]


def test_a_single_time_is_due_once() -> None:
    rule = Once(NOW)
    assert rule.next_after(NOW - timedelta(microseconds=1)) == NOW
    assert rule.next_after(NOW) is None
    with pytest.raises(NaiveMoment):
        Once(datetime(2026, 1, 1))  # noqa: DTZ001


def test_the_sun_rises_once_a_day_and_not_at_all_in_the_polar_night() -> None:
    pytest.importorskip("ephem")
    berlin = between(Sun("sunrise", 52.52, 13.405), NOW, NOW + timedelta(days=30), 100)
    assert len(berlin) == 30
    assert {moment.astimezone(BERLIN).hour for moment in berlin} <= {7, 8}
    first = Sun("sunrise", 78.22, 15.65).next_after(NOW)
    assert first is not None
    assert (first.month, first.year) == (2, 2027)
