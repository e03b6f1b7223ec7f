"""Intervals: elapsed time, whatever the clocks on the wall do."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from apps.schedules.moments.clock import utc
from apps.schedules.moments.errors import BadField


@dataclass(frozen=True)
class Every:
    """Due one interval after `anchor`, and again after each further one.

    A number counts seconds and is taken to the microsecond.
    Raises BadField for an interval that is no positive time, NaiveMoment for an anchor without zone.
    """

    seconds: float | timedelta
    anchor: datetime

    def __post_init__(self) -> None:
        utc(self.anchor)
        if self.interval <= timedelta():
            raise BadField("seconds", self.seconds, "an interval must be longer than nothing")

    @property
    def interval(self) -> timedelta:
        if isinstance(self.seconds, timedelta):
            return self.seconds
        try:
            return timedelta(seconds=self.seconds)
        except (ValueError, OverflowError):
            raise BadField("seconds", self.seconds, "an interval must be a number of seconds") from None

    def next_after(self, after: datetime) -> datetime | None:
        """See Rule."""
        anchor, interval = utc(self.anchor), self.interval
        passed = max(0, (utc(after) - anchor) // interval)
        try:
            return anchor + (passed + 1) * interval
        except OverflowError:
            return None
