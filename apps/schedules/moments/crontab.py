"""Crontabs: times on the wall of a zone."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from apps.schedules.moments.clock import BEGINNING, LAST_YEAR, Change, change_at, utc, utc_offset
from apps.schedules.moments.fields import Fields, read_fields

INSTANT = timedelta.resolution


@dataclass(frozen=True)
class Crontab:
    """Due at the start of each minute whose local time matches all five fields, written as Celery's.

    Where the clock goes forward, times that it skips are due together, once, at the first moment after
    the gap; they are left out if the hour field has all 24 hours, for then the next hour serves.
    Where it goes back, a time that comes twice is due the first time only; but both times if minute or
    hour are wildcards, which begin with `*` or leave no value out.

    Searches the years 2 to 9998, and 40 years ahead. Raises BadField and NeverDue.
    """

    minute: str
    hour: str
    day_of_month: str
    month_of_year: str
    day_of_week: str
    zone: ZoneInfo

    def __post_init__(self) -> None:
        read_fields(*self.texts)

    def next_after(self, after: datetime) -> datetime | None:
        """See Rule."""
        now = max(utc(after), BEGINNING)
        if now.year > LAST_YEAR:
            return None
        fields = read_fields(*self.texts)
        match = self.first_match(now, fields)
        while match is not None:
            change = change_at(match, self.zone)
            if change is None:
                return aware(match - utc_offset(match, self.zone))
            due = due_near(change, match, fields, now)
            if due is not None:
                return due
            match = fields.first_from(change.end)
        return None

    def skipped(self, due: datetime) -> datetime | None:
        """The first of the local times, skipped by the clock, that this due time stands for; else None."""
        local = utc(due).astimezone(self.zone).replace(tzinfo=None, fold=0)
        fields = read_fields(*self.texts)
        if fields.first_from(local) == local:
            return None
        change = change_at(local - INSTANT, self.zone)
        return fields.first_from(change.start) if change else None

    @property
    def texts(self) -> tuple[str, str, str, str, str]:
        return self.minute, self.hour, self.day_of_month, self.month_of_year, self.day_of_week

    def first_match(self, now: datetime, fields: Fields) -> datetime | None:
        """The next local time that matches, which may be one that the clock skips or repeats."""
        here = now.astimezone(self.zone)
        local = here.replace(tzinfo=None, fold=0)
        match = fields.first_from(local + INSTANT)
        change = change_at(local, self.zone) if fields.wildcard and not here.fold else None
        if change and (match is None or match >= change.end):
            # The last match before the clock goes back was reached: the hour begins anew.
            return fields.first_from(change.start)
        return match


def due_near(change: Change, match: datetime, fields: Fields, now: datetime) -> datetime | None:
    """When a local time that is skipped or repeated is due after `now`; None if it isn't."""
    if change.skips:
        return None if fields.every_hour else aware(change.at)
    first, second = aware(match - change.before), aware(match - change.after)
    if first > now:
        return first
    return second if fields.wildcard else None


def aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC)
