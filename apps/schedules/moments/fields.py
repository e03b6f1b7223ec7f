"""The five fields of a crontab: which local times match them."""

from bisect import bisect_left
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import lru_cache

from celery.schedules import ParseException, crontab_parser

from apps.schedules.moments.clock import LAST_YEAR
from apps.schedules.moments.errors import BadField, NeverDue

# 29 February of a given weekday can keep away for 40 years: 2100 is no leap year.
YEARS = 40
MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LONGEST_MONTH = {month: monthrange(2000, month)[1] for month in range(1, 13)}
HOURS_IN_DAY, MINUTES_IN_HOUR = 24, 60


@dataclass(frozen=True, slots=True)
class Fields:
    """The values of the five fields, each in order; `times` are minutes after midnight, Sunday is 0.

    `wildcard` says that minute or hour begin with `*` or leave nothing out.
    """

    times: tuple[int, ...]
    days: tuple[int, ...]
    months: tuple[int, ...]
    weekdays: frozenset[int]
    every_hour: bool
    wildcard: bool

    def first_from(self, local: datetime) -> datetime | None:
        """The first matching local time at or after this one, both without zone; None if none comes."""
        start = whole_minute(local)
        day = self.first_date(start.date())
        if day == start.date():
            index = bisect_left(self.times, start.hour * MINUTES_IN_HOUR + start.minute)
            if index < len(self.times):
                return at_minute(day, self.times[index])
            day = self.first_date(day + DAY)
        return at_minute(day, self.times[0]) if day else None

    def first_date(self, start: date) -> date | None:
        for year, month in self.months_from(start):
            same_month = (year, month) == (start.year, start.month)
            day = self.first_day(year, month, start.day if same_month else 1)
            if day:
                return date(year, month, day)
        return None

    def months_from(self, start: date) -> Iterator[tuple[int, int]]:
        for year in range(start.year, min(start.year + YEARS, LAST_YEAR) + 1):
            for month in self.months:
                if year > start.year or month >= start.month:
                    yield year, month

    def first_day(self, year: int, month: int, start: int) -> int | None:
        monday_based, length = monthrange(year, month)
        for day in self.days[bisect_left(self.days, start) :]:
            if day > length:
                return None
            if (monday_based + day) % 7 in self.weekdays:
                return day
        return None


def whole_minute(local: datetime) -> datetime:
    """This minute, or the next one if it has begun."""
    floor = local.replace(second=0, microsecond=0)
    return floor if floor == local else floor + MINUTE


def at_minute(day: date, minutes: int) -> datetime:
    hour, minute = divmod(minutes, MINUTES_IN_HOUR)
    return datetime.combine(day, time(hour, minute))


@lru_cache(maxsize=4096)
def read_fields(minute: str, hour: str, day_of_month: str, month_of_year: str, day_of_week: str) -> Fields:
    """Reads the fields as Celery does. Raises BadField and NeverDue."""
    minutes = values("minute", minute, MINUTES_IN_HOUR)
    hours = values("hour", hour, HOURS_IN_DAY)
    days = values("day_of_month", day_of_month, 31, 1)
    months = values("month_of_year", month_of_year, 12, 1)
    if min(days) > max(LONGEST_MONTH[month] for month in months):
        raise NeverDue(
            f"no month of “{month_of_year}” has a day “{day_of_month}”, so this would never be due"
        )
    return Fields(
        times=tuple(one * MINUTES_IN_HOUR + other for one in hours for other in minutes),
        days=days,
        months=months,
        weekdays=frozenset(values("day_of_week", day_of_week, 7)),
        every_hour=len(hours) == HOURS_IN_DAY,
        wildcard=(
            minute.startswith("*")
            or hour.startswith("*")
            or len(minutes) == MINUTES_IN_HOUR
            or len(hours) == HOURS_IN_DAY
        ),
    )


def values(field: str, text: str, count: int, first: int = 0) -> tuple[int, ...]:
    try:
        return tuple(sorted(crontab_parser(count, first).parse(text)))
    except (ParseException, ValueError) as error:
        raise BadField(field, text, str(error)) from error
