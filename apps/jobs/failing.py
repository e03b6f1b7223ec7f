"""`job.failed`: the event of a job that ended as FAILURE for good, told by whoever writes that down."""

from collections.abc import Sequence

from django.db import connection

from apps.jobs.events import CHANNEL
from apps.jobs.states import Source, State

TOPIC = "job.failed"
TELLS = f"({{0}}.source = '{Source.EVENT}' AND '{TOPIC}' = ANY({{0}}.tags))"
# A failure that comes of telling of a failure is not told: else a broken subscriber, or a notice that can't
# be sent, would go round for ever.
TELL = f"""
WITH failed AS (
    SELECT * FROM jobs_job AS job WHERE id = ANY(%s) AND state = '{State.FAILURE}'
    AND NOT {TELLS.format("job")}
    AND NOT coalesce((SELECT {TELLS.format("cause")} FROM jobs_job AS cause WHERE cause.id = job.root), false)
), new AS (
    INSERT INTO jobs_event (topic, facts, key, occurred_at)
    SELECT '{TOPIC}', jsonb_build_object(
            'job', id, 'task', task, 'queue', queue, 'reason', reason, 'error', left(error, 1000),
            'attempts', attempts, 'schedule', schedule, 'tags', tags),
        '{TOPIC}:' || left(id, 200) || ':' || version, coalesce(finished_at, clock_timestamp())
    FROM failed ORDER BY version, id
    ON CONFLICT (key) WHERE NOT (key = '') DO NOTHING RETURNING id
)
SELECT pg_notify('{CHANNEL}', '') FROM new LIMIT 1
"""  # noqa: S608 - words of ours


def tell(ids: Sequence[str]) -> None:
    """Publishes the event of each that has failed, once for each failure, in the caller's transaction."""
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(TELL, [list(ids)])
