"""What the overview shows. Every block has a limit, so the page costs the same however full it is, but for
the members of the few batches it counts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

from apps.batches.counting import Counts as BatchCounts
from apps.batches.models import Batch
from apps.batches.reading import under_way
from apps.jobs import reading
from apps.jobs.reading import JobView, activity
from apps.jobs.reading.activity import Counts, Endings
from apps.jobs.reading.attention import Attention, attention
from apps.jobs.reading.live import Live, with_progress
from apps.jobs.states import State
from apps.schedules.condition import Trouble, trouble
from apps.schedules.reading import ScheduleView, upcoming

RUNNING, BATCHES, FAILED, UPCOMING = 8, 3, 6, 6
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
MINUTES = 60
LEVELS = 10  # of the strip's bars


@dataclass(frozen=True)
class Minute:
    """What ended in one minute. `level` 1 to 10 is the height of its bar, 0 none.

    `states` is None where there was too much to count.
    """

    start: datetime
    states: Mapping[str, int] | None
    level: int

    @property
    def ended(self) -> int:
        return sum((self.states or {}).values())

    @property
    def failed(self) -> int:
        return (self.states or {}).get(State.FAILURE, 0)

    @property
    def tone(self) -> str:
        """Red where half of the jobs failed, amber where some did."""
        if self.failed:
            return "failure" if self.failed * 2 >= self.ended else "retry"
        return "success" if self.ended else "neutral"


@dataclass(frozen=True)
class Overview:
    running: list[Live]
    batches: list[tuple[Batch, BatchCounts]]
    failed: list[JobView]
    upcoming: list[ScheduleView]
    counts: Counts
    minutes: list[Minute]
    attention: Attention
    trouble: Trouble

    @property
    def is_fresh(self) -> bool:
        """Nobody has ever run a job here."""
        return not any(self.counts.by_state.values()) and not reading.rows().exists()

    @property
    def busiest(self) -> int:
        return max(minute.ended for minute in self.minutes)


def load(*, with_batches: bool = True) -> Overview:
    now = timezone.now()
    return Overview(
        running=with_progress(activity.running(RUNNING)),
        batches=under_way(BATCHES) if with_batches else [],
        failed=activity.failed(now - DAY, FAILED),
        upcoming=upcoming(UPCOMING),
        counts=activity.counts(now - DAY),
        minutes=strip(activity.endings(now - HOUR), now),
        attention=attention(),
        trouble=trouble(),
    )


def strip(endings: Endings, now: datetime) -> list[Minute]:
    """The last sixty minutes, oldest first, the one that is running included."""
    last = now.replace(second=0, microsecond=0)
    starts = [last - timedelta(minutes=back) for back in range(MINUTES - 1, -1, -1)]
    found = {start: endings.by_minute.get(start, {}) for start in starts}
    highest = max(sum(states.values()) for states in found.values())
    counted = endings.since - timedelta(minutes=1)  # the first minute of the hour has begun before it
    return [
        Minute(start, states if start > counted else None, level(sum(states.values()), highest))
        for start, states in found.items()
    ]


def level(number: int, highest: int) -> int:
    return -(-number * LEVELS // highest) if number else 0
