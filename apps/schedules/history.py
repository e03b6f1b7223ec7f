"""Which jobs a schedule had."""

from typing import Any

from django.db.models import JSONField, OuterRef, Subquery
from django.db.models.functions import JSONObject

from apps.jobs import reading

LAST_JOB = JSONObject(id="task_id", state="status")


def with_last_job(schedules: Any) -> Any:
    """The queryset, each row with `last_job`: {"id", "state"} of its newest job, or None."""
    newest = reading.rows(periodic_task_name=OuterRef("name")).values(job=LAST_JOB)[:1]
    return schedules.annotate(last_job=Subquery(newest, output_field=JSONField()))


def recent(schedule_name: str, limit: int = 10) -> list[reading.JobView]:
    return reading.latest(limit, periodic_task_name=schedule_name)
