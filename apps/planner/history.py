"""Which jobs a schedule had."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.db.models import JSONField, OuterRef, Subquery
from django.db.models.functions import JSONObject
from django_celery_beat.models import PeriodicTask

from apps.jobs import reading
from apps.schedules.models import Firing

LAST_JOB = JSONObject(id="id", state="state")


@dataclass(frozen=True)
class Past:
    """A due time that is over. Without a job, or if it was forgotten, `state` is empty."""

    firing: Firing
    state: str = ""
    run_time: timedelta | None = None


def with_last_job(schedules: Any) -> Any:
    """The queryset, each row with `last_job`: {"id", "state"} of its newest job, or None."""
    # The index of schedules leaves out jobs without one: PostgreSQL has to be told that none is asked for.
    newest = reading.rows(schedule=OuterRef("name")).exclude(schedule="").values(job=LAST_JOB)[:1]
    return schedules.annotate(last_job=Subquery(newest, output_field=JSONField()))


def recent(schedule_name: str, limit: int = 10) -> list[reading.JobView]:
    return reading.latest(limit, schedule=schedule_name)


def past(schedule: PeriodicTask, limit: int = 60) -> list[Past]:
    """The newest decisions on its due times, with what became of their jobs."""
    firings = list(Firing.objects.filter(schedule=schedule).order_by("-due_at")[:limit])
    ids = [firing.job for firing in firings if firing.job]
    jobs = reading.rows(id__in=ids).order_by().values_list("id", "state", "run_time") if ids else ()
    known = {job_id: (state, run_time) for job_id, state, run_time in jobs}
    return [Past(firing, *known.get(firing.job, ())) for firing in firings]
