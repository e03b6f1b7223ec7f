"""The ledger's rows, and views of them."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Exists, Func, OuterRef, QuerySet, TextField

from apps.jobs.models import Job
from apps.jobs.reading.jobview import JobView, view

NEWEST_FIRST = ("-submitted_at", "-id")
HEAVY = ("args", "kwargs", "result", "outbox")  # which may be large


class Beginning(Func):
    """The first characters of a JSON value: a text as it is, all else as JSON."""

    template = "left(%(expressions)s #>> '{}', 300)"
    output_field = TextField()


def rows(**filters: Any) -> QuerySet[Job]:
    """The newest first; `filters` are Job's fields."""
    retries = Job.objects.filter(retry_of=OuterRef("id"))
    return Job.objects.filter(**filters).annotate(retried=Exists(retries)).order_by(*NEWEST_FIRST)


def latest(limit: int = 20, **filters: Any) -> list[JobView]:
    """The newest jobs; `filters` are Job's fields, such as `state` or `schedule`."""
    return [view(row) for row in rows(**filters)[:limit]]


def lines(found: QuerySet[Job]) -> list[JobView]:
    """For lists: without arguments, and of each result only the beginning, as text."""
    light = found.defer(*HEAVY).annotate(beginning=Beginning("result"))
    return [view(row, args=None, kwargs=None, result=row.beginning) for row in light]


def lines_of(ids: Iterable[str]) -> list[JobView]:
    """In the order of the ids; those that are gone are left out."""
    wanted = list(ids)
    found = {line.id: line for line in lines(rows(id__in=wanted))} if wanted else {}
    return [found[job_id] for job_id in wanted if job_id in found]
