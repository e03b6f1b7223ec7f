"""What every rule can do, and what follows from it."""

from collections.abc import Iterator
from datetime import datetime
from itertools import islice, takewhile
from typing import Protocol

from apps.schedules.moments.clock import utc


class Rule(Protocol):
    def next_after(self, after: datetime) -> datetime | None:
        """The first due time strictly after `after`, in UTC; None if there is none any more.

        The answer depends on nothing else, so it is the same whenever and wherever it is asked for.
        Raises NaiveMoment or OutOfCalendar for an `after` that can't be told in UTC.
        """


def moments(rule: Rule, after: datetime) -> Iterator[datetime]:
    """All due times strictly after `after`, in order; endless for most rules."""
    moment = rule.next_after(after)
    while moment is not None:
        yield moment
        moment = rule.next_after(moment)


def between(rule: Rule, after: datetime, until: datetime, limit: int) -> list[datetime]:
    """The first `limit` due times after `after` and up to `until`, so adjoining spans share none."""
    end = utc(until)
    return list(islice(takewhile(lambda moment: moment <= end, moments(rule, after)), limit))
