"""The job list: pages by keyset, so that page ten thousand costs what page one does.

Where an index answers the whole question, a page reads as many rows as it shows. Where it answers a
part, no more than a window of rows is looked at: such a page may end early, and says how far it got.
"""

from dataclasses import dataclass, field
from datetime import datetime

from django.utils import timezone

from apps.jobs.reading.counting import Count
from apps.jobs.reading.criteria import Criteria
from apps.jobs.reading.jobview import JobView
from apps.jobs.reading.rows import lines_of
from apps.jobs.reading.seeking import Direction, Place, Seeker

COUNTED = 1_000


@dataclass(frozen=True)
class Page:
    """The newest first. `newer` and `older` are where the pages beside it begin, None where there is none.

    `searched_to` is set where the search ended before the page was full.
    """

    rows: list[JobView] = field(default_factory=list)
    newer: Place | None = None
    older: Place | None = None
    searched_to: datetime | None = None

    @property
    def top(self) -> Place:
        """What is newer than this page lies above here."""
        first = self.rows[0] if self.rows else None
        return (first.submitted, first.id) if first and first.submitted else (timezone.now(), "-")


def older_than(place: Place | None, wanted: Criteria, size: int) -> Page:
    """The page below `place`; the first one where that is None, or nothing is older."""
    seeker = Seeker(wanted, Direction(place))
    found = seeker.places(size + 1)
    end = seeker.end() if len(found) <= size else None
    if place and not found and not end:
        return older_than(None, wanted, size)
    shown, above = found[:size], found[0] if found else place
    return Page(
        rows=lines_of(job_id for _, job_id in shown),
        newer=above if place else None,
        older=shown[-1] if len(found) > size else end,
        searched_to=end[0] if end else None,
    )


def newer_than(place: Place, wanted: Criteria, size: int) -> Page:
    """The page above `place`; the first one where less than a page is newer."""
    seeker = Seeker(wanted, Direction(place, newer=True))
    found = seeker.places(size + 1)
    end = seeker.end() if len(found) <= size else None
    if len(found) <= size and not end:
        return older_than(None, wanted, size)
    shown = found[:size][::-1]
    return Page(
        rows=lines_of(job_id for _, job_id in shown),
        newer=end or shown[0],
        older=shown[-1] if shown else place,
        searched_to=end[0] if end else None,
    )


def count(wanted: Criteria) -> Count:
    """How many there are: exactly up to COUNTED, and about beyond that where the indexes tell."""
    seeker = Seeker(wanted, Direction())
    number = seeker.count(COUNTED + 1)
    if number <= COUNTED:
        return Count(number, more=seeker.end() is not None)
    believed = seeker.estimate()
    if believed is None:
        return Count(COUNTED, more=True)
    return Count(max(believed, COUNTED), about=True)


def count_newer(place: Place, wanted: Criteria, limit: int) -> Count:
    number = Seeker(wanted, Direction(place, newer=True)).count(limit + 1)
    return Count(min(number, limit), more=number > limit)
