"""Reading a zone's clock: UTC, local time, and the changes where the two part company."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from apps.schedules.moments.errors import NaiveMoment, OutOfCalendar

# Python's calendar has the years 1 to 9999. One less at either end leaves room for every distance from UTC.
BEGINNING, LAST_YEAR = datetime(2, 1, 1, tzinfo=UTC), 9998
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class Change:
    """At `at` (UTC, without zone) the clock's distance from UTC goes from `before` to `after`.

    The local times from `start` up to, not including, `end` are skipped or repeated by it.
    """

    at: datetime
    before: timedelta
    after: timedelta

    @property
    def skips(self) -> bool:
        return self.after > self.before

    @property
    def start(self) -> datetime:
        return self.at + min(self.before, self.after)

    @property
    def end(self) -> datetime:
        return self.at + max(self.before, self.after)


def utc(moment: datetime) -> datetime:
    """The same moment in UTC. Raises NaiveMoment and OutOfCalendar."""
    if moment.tzinfo is UTC:
        return moment
    if moment.utcoffset() is None:
        raise NaiveMoment(f"{moment.isoformat()} has no time zone")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise OutOfCalendar(f"{moment.isoformat()} lies outside the years 1 to 9999 in UTC") from None


def utc_offset(local: datetime, zone: ZoneInfo) -> timedelta:
    """How far this local time (without zone) is ahead of UTC; its `fold` decides where that is in doubt."""
    return zone.utcoffset(local) or timedelta()


def change_at(local: datetime, zone: ZoneInfo) -> Change | None:
    """The change that skips or repeats this local time (given without zone); None for an ordinary one."""
    before, after = utc_offset(local, zone), utc_offset(local.replace(fold=1), zone)
    if before == after:
        return None
    earlier = (local - max(before, after)).replace(minute=0, second=0, microsecond=0)
    later = (local - min(before, after)).replace(minute=0, second=0, microsecond=0) + HOUR
    return Change(moment_of_change(earlier, later, zone), before, after)


@lru_cache(maxsize=1024)
def moment_of_change(earlier: datetime, later: datetime, zone: ZoneInfo) -> datetime:
    """The second after `earlier`, up to `later`, from which the offset of `later` holds. All are UTC.

    Asked with whole hours, so that all minutes of an hour that comes twice share an answer.
    """
    old = offset_in_utc(earlier, zone)
    while later - earlier > SECOND:
        middle = (earlier + (later - earlier) // 2).replace(microsecond=0)
        if offset_in_utc(middle, zone) == old:
            earlier = middle
        else:
            later = middle
    return later


def offset_in_utc(moment: datetime, zone: ZoneInfo) -> timedelta:
    return moment.replace(tzinfo=UTC).astimezone(zone).utcoffset() or timedelta()
