"""Rules by the sun: its rise, noon and set, and the twilights, anywhere on earth."""

import importlib
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from math import radians
from typing import Any

from apps.schedules.moments.clock import BEGINNING, LAST_YEAR, utc
from apps.schedules.moments.errors import BadField, EphemMissing

DAY = timedelta(days=1)
# Where the sun stays down or up for months, the search goes on for a year.
DAYS_AHEAD = 366
DEGREES_PER_HOUR = 15


@dataclass(frozen=True, slots=True)
class Event:
    """`search` is ephem's method; `altitude` of the sun in degrees, of its centre or else its upper rim.

    `day_begins` is an hour of mean solar time far from the event, so that each day has at most one.
    """

    search: str
    altitude: float
    centre: bool
    day_begins: int


RIM = -34 / 60  # the air lifts the sun by as much
EVENTS = {
    "dawn_astronomical": Event("next_rising", -18, centre=True, day_begins=18),
    "dawn_nautical": Event("next_rising", -12, centre=True, day_begins=18),
    "dawn_civil": Event("next_rising", -6, centre=True, day_begins=18),
    "sunrise": Event("next_rising", RIM, centre=False, day_begins=18),
    "solar_noon": Event("next_transit", 0, centre=False, day_begins=0),
    "sunset": Event("next_setting", RIM, centre=False, day_begins=6),
    "dusk_civil": Event("next_setting", -6, centre=True, day_begins=6),
    "dusk_nautical": Event("next_setting", -12, centre=True, day_begins=6),
    "dusk_astronomical": Event("next_setting", -18, centre=True, day_begins=6),
}


@dataclass(frozen=True)
class Sun:
    """Due when the sun does what `event` says; latitude and longitude in degrees, north and east positive.

    Told to the whole second, and for the years 2 to 9998. Raises BadField and EphemMissing.
    """

    event: str
    latitude: float
    longitude: float

    def __post_init__(self) -> None:
        if self.event not in EVENTS:
            raise BadField("event", self.event, f"expected one of {', '.join(sorted(EVENTS))}")
        for field, limit in (("latitude", 90), ("longitude", 180)):
            degrees = getattr(self, field)
            if not -limit <= degrees <= limit:
                raise BadField(field, degrees, f"expected {-limit} to {limit} degrees")
        ephem()

    def next_after(self, after: datetime) -> datetime | None:
        """See Rule; None also where the sun doesn't do it within 366 days."""
        now = max(utc(after), BEGINNING)
        if now.year > LAST_YEAR:
            return None
        begin = self.begin_of_day(now)
        for day in range(DAYS_AHEAD + 1):
            moment = self.in_day(begin + day * DAY)
            if moment is not None and moment > now:
                return moment
        return None

    def begin_of_day(self, now: datetime) -> datetime:
        """A day is counted from a fixed hour, and not from `now`.

        ephem's answer depends by fractions of a second on where its search begins, and an event must
        have one time only.
        """
        begins = EVENTS[self.event].day_begins
        shift = timedelta(hours=begins - float(self.longitude) / DEGREES_PER_HOUR)
        return datetime.combine((now - shift).date(), datetime.min.time(), UTC) + shift

    def in_day(self, begin: datetime) -> datetime | None:
        """The event in the day that begins then, if there is one."""
        event, library = EVENTS[self.event], ephem()
        observer = library.Observer()
        observer.lat, observer.lon = radians(self.latitude), radians(self.longitude)
        observer.horizon, observer.pressure = radians(event.altitude), 0
        options = {"use_center": True} if event.centre else {}
        start = library.Date(begin.replace(tzinfo=None))
        try:
            found = getattr(observer, event.search)(library.Sun(), start=start, **options)
        except library.CircumpolarError:
            return None
        moment: datetime = found.datetime().replace(microsecond=0, tzinfo=UTC)
        return moment if moment < begin + DAY else None


def ephem() -> Any:
    """Loaded on first use: few installations have rules by the sun. Raises EphemMissing."""
    try:
        return importlib.import_module("ephem")
    except ImportError:
        raise EphemMissing("rules by the sun need the Python package ephem, not installed here") from None
