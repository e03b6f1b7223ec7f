"""Unique jobs: a key is held by one job, while it is alive or for a period."""

from datetime import timedelta

from django.db import connection
from django.utils import timezone

from apps.jobs.models import Job, JobKey
from apps.jobs.states import ALIVE

# One statement takes a free key or locks the row of a taken one; whoever comes second waits here.
CLAIM = """
INSERT INTO jobs_jobkey AS held (key, job_id, until) VALUES (%s, %s, %s)
ON CONFLICT (key) DO UPDATE SET key = excluded.key
RETURNING job_id, until
"""


def claim(key: str, job_id: str, period: timedelta | None) -> Job | None:
    """Takes the key for `job_id`; returns the job that holds it instead, if one does.

    Call it inside the transaction that writes the job.
    """
    now = timezone.now()
    until = now + period if period else None
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [key, job_id, until])
        holder_id, held_until = cursor.fetchone()
    if holder_id == job_id:
        return None
    holder = Job.objects.filter(id=holder_id).first()
    if holder and (held_until > now if held_until else holder.state in ALIVE):
        return holder
    JobKey.objects.filter(key=key).update(job_id=job_id, until=until)
    return None
