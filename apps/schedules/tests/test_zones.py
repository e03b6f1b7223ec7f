"""Crontabs in every zone and at each of its changes, against a slow reference."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from apps.schedules.moments import Crontab, NeverDue, between
from apps.schedules.tests.reference import RANGES, Line, Shift, looks, shifts

FIRST, LAST = date(2020, 1, 1), date(2030, 1, 1)
AROUND = timedelta(hours=2)
ENOUGH = 1_000
ZONES = sorted(available_timezones() - {"localtime"})
# In any hour, and in those that clocks change in; wildcards, and hours and minutes that leave nothing out.
LINES = [
    Line(text)
    for text in (
        "*/20 * * * *", "7 * * * *", "30 0-23 * * *", "0-59 2 * * *", "*/25 0-3 * * *", "15 */2 * * *",
        "30 2 * * *", "0 3 * * 0", "0,45 0-5 * 3,10 6,0",
    )
]  # fmt: skip


def area_of(zone: str) -> str:
    return zone.rpartition("/")[0].partition("/")[0]


def crontab(line: Line, zone: ZoneInfo) -> Crontab:
    minute, hour, day, month, weekday = line.text.split()
    return Crontab(minute, hour, day, month, weekday, zone)


def lines_at(shift: Shift) -> list[Line]:
    """Single times at the edges of what is left out or comes twice, and in the middle of it."""
    start, end = shift.span
    minute = timedelta(minutes=1)
    times = {start - minute, start, start + (end - start) // 2, end - minute, end}
    dated = start + (end - start) // 2
    return [
        *(Line(f"{time.minute} {time.hour} * * *") for time in sorted(times)),
        Line(f"{dated.minute} {dated.hour} {dated.day} {dated.month} *"),
        Line(f"{dated.minute} {dated.hour},{end.hour} * * {dated.isoweekday() % 7}"),
    ]


@pytest.mark.parametrize("area", sorted(set(map(area_of, ZONES))))
def test_each_change_of_each_zone(area: str, record_property: Callable[[str, object], None]) -> None:
    cases, wrong = 0, []
    for name in (zone for zone in ZONES if area_of(zone) == area):
        zone = ZoneInfo(name)
        changes = shifts(zone, FIRST, LAST)
        ordinary = Shift(datetime(2025, 7, 2, tzinfo=UTC), timedelta(), timedelta())
        for shift in changes or [ordinary]:
            after, until = shift.moment - AROUND, shift.moment + AROUND
            minutes = looks(zone, after, until)
            for line in [*LINES, *lines_at(shift)]:
                cases += 1
                found = between(crontab(line, zone), after, until, ENOUGH)
                if found != line.due(minutes):
                    wrong.append((name, line.text, after.isoformat(), found))
    record_property("cases", cases)
    assert wrong == []
    assert cases


FIELDS = [
    st.one_of(
        st.just("*"),
        st.integers(2, 9).map("*/{}".format),
        st.lists(st.integers(low, high), min_size=1, max_size=4).map(lambda found: ",".join(map(str, found))),
        st.tuples(st.integers(low, high), st.integers(low, high)).map(lambda two: f"{min(two)}-{max(two)}"),
    )
    for low, high in RANGES
]
MOMENTS = st.datetimes(datetime(2019, 1, 1), datetime(2037, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=200, deadline=None, suppress_health_check=list(HealthCheck))
@given(fields=st.tuples(*FIELDS), name=st.sampled_from(ZONES), moment=MOMENTS)
@example(("30", "1", "*", "*", "*"), "Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC))
@example(("*", "2", "*", "*", "*"), "Australia/Lord_Howe", datetime(2026, 4, 4, 14, 59, 30, tzinfo=UTC))
def test_any_crontab_from_any_moment(fields: tuple[str, ...], name: str, moment: datetime) -> None:
    line, zone = Line(" ".join(fields)), ZoneInfo(name)
    after = moment.replace(second=0, microsecond=0)
    until = after + timedelta(days=2)
    try:
        rule = crontab(line, zone)
    except NeverDue:
        return
    expected = [due for due in line.due(looks(zone, after, until)) if due > moment]
    assert between(rule, moment, until, 20) == expected[:20]
    for due in expected[:5]:  # whenever it is asked for in between
        assert rule.next_after(due - timedelta(microseconds=1)) == due
