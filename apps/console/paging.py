"""Links from one page of the job list to the next: a page begins where the one before it ended."""

import re
from datetime import UTC, datetime, timedelta

from django.http import QueryDict

from apps.jobs.reading.seeking import Place

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PLACE = re.compile(r"([0-9]{1,17})-([^\x00]{1,255})", re.DOTALL)  # microseconds since the epoch, job id
OLDER, NEWER = "before", "after"


def place(text: str | None) -> Place | None:
    """None for a text that makes no sense."""
    found = PLACE.fullmatch(text or "")
    return (EPOCH + timedelta(microseconds=int(found[1])), found[2]) if found else None


def spelled(there: Place) -> str:
    moment, job_id = there
    return f"{(moment - EPOCH) // timedelta(microseconds=1)}-{job_id}"


def link(query: QueryDict, direction: str = "", there: Place | None = None) -> str:
    """The same filters from another place, or from the beginning."""
    changed = query.copy()
    changed.pop(OLDER, None)
    changed.pop(NEWER, None)
    if there:
        changed[direction] = spelled(there)
    return f"?{changed.urlencode()}"
