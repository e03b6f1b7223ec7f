"""When a crontab is due, found slowly: every minute is looked at on the wall clock of its zone.

Shares nothing with `apps.schedules.moments` but the rules in docs/schedules.md, so tests can compare.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from itertools import pairwise
from zoneinfo import ZoneInfo

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 6))


@dataclass(frozen=True)
class Look:
    """One minute: its moment, what the wall clock shows, and what it has left out just before."""

    moment: datetime
    local: datetime
    left_out: tuple[datetime, ...]


@dataclass(frozen=True)
class Line:
    """A crontab's five fields."""

    text: str

    @cached_property
    def sets(self) -> tuple[frozenset[int], ...]:
        parts = zip(self.text.split(), RANGES, strict=True)
        return tuple(frozenset(numbers(part, *limits)) for part, limits in parts)

    @cached_property
    def is_wild(self) -> bool:
        """Whether a time that comes twice is due twice."""
        words = self.text.split()[:2]
        full = [len(found) == high + 1 for found, (_low, high) in zip(self.sets[:2], RANGES, strict=False)]
        return any(full) or any(word.startswith("*") for word in words)

    def matches(self, local: datetime) -> bool:
        minute, hour, day, month, weekday = self.sets
        return (
            local.minute in minute
            and local.hour in hour
            and local.day in day
            and local.month in month
            and local.isoweekday() % 7 in weekday
        )

    def is_due(self, look: Look) -> bool:
        if self.matches(look.local) and (self.is_wild or not look.local.fold):
            return True
        return len(self.sets[1]) < RANGES[1][1] + 1 and any(map(self.matches, look.left_out))

    def due(self, looks: list[Look]) -> list[datetime]:
        return [look.moment for look in looks if self.is_due(look)]


def numbers(text: str, low: int, high: int) -> Iterator[int]:
    for part in text.split(","):
        span, _, step = part.partition("/")
        first, _, last = (f"{low}-{high}" if span == "*" else span).partition("-")
        yield from range(int(first), int(last or first) + 1, int(step or 1))


def looks(zone: ZoneInfo, after: datetime, until: datetime) -> list[Look]:
    """Every whole minute after `after`, up to `until`; both whole minutes in UTC."""
    found, before = [], after.astimezone(zone).replace(tzinfo=None)
    for count in range(1, (until - after) // MINUTE + 1):
        moment = after + count * MINUTE
        local = moment.astimezone(zone).replace(tzinfo=None)
        skipped = (local - before) // MINUTE - 1
        left_out = tuple(before + more * MINUTE for more in range(1, skipped + 1))
        found.append(Look(moment, local, left_out))
        before = local.replace(fold=0)
    return found


@dataclass(frozen=True)
class Shift:
    """The minute from which the zone's clock is another."""

    moment: datetime
    before: timedelta
    after: timedelta

    @property
    def span(self) -> tuple[datetime, datetime]:
        """The first local time that is left out or comes twice, and the first that is ordinary again."""
        plain = self.moment.replace(tzinfo=None)
        return plain + min(self.before, self.after), plain + max(self.before, self.after)


def shifts(zone: ZoneInfo, first: date, last: date) -> list[Shift]:
    """Every change of the clock between the two days, by a look at each day and then at each minute."""
    found = []
    start = datetime(first.year, first.month, first.day, tzinfo=UTC)
    for count in range((last - first).days):
        day = start + count * DAY
        if distance(day, zone) != distance(day + DAY, zone):
            minutes = [day + minute * MINUTE for minute in range(DAY // MINUTE + 1)]
            found += [
                Shift(two, distance(one, zone), distance(two, zone))
                for one, two in pairwise(minutes)
                if distance(one, zone) != distance(two, zone)
            ]
    return found


def distance(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.astimezone(zone).utcoffset() or timedelta()
