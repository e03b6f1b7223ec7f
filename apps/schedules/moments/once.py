"""A single time."""

from dataclasses import dataclass
from datetime import datetime

from apps.schedules.moments.clock import utc


@dataclass(frozen=True)
class Once:
    """Due at `at` and never again. Raises NaiveMoment if that has no zone."""

    at: datetime

    def __post_init__(self) -> None:
        utc(self.at)

    def next_after(self, after: datetime) -> datetime | None:
        """See Rule."""
        moment = utc(self.at)
        return moment if moment > utc(after) else None
