"""Very many rows, made by PostgreSQL, and what its plans read of them."""

from typing import Any

from django.db import connection

MANY = 100_000
RESULTS = """
    INSERT INTO django_celery_results_taskresult (
        task_id, task_name, worker, status, periodic_task_name, task_args, task_kwargs, result,
        content_type, content_encoding, date_created, date_done
    )
    SELECT 'job-' || n, 'shop.tasks.t' || mod(n, 9) || '_task', 'w' || mod(n, 4) || '@host',
        CASE mod(n, 10) WHEN 0 THEN 'FAILURE' WHEN 1 THEN 'STARTED' ELSE 'SUCCESS' END,
        CASE mod(n, 3) WHEN 0 THEN 'schedule ' || mod(n, 30) END, '"()"', '"{''number'': ' || n || '}"', '{}',
        'application/json', 'utf-8', now() - mod(n, 43200) * interval '1 minute', now()
    FROM generate_series(1, %s) AS n
"""
JOBS = """
    INSERT INTO jobs_job (
        id, task, queue, state, reason, args, kwargs, redacted, error, note, attempts, worker, instance,
        submitted_at, started_at, finished_at, eta, schedule, submitter, source, key, tags, retry_of,
        resends, version
    )
    SELECT 'job-' || n, 'shop.tasks.t' || mod(n, 9) || '_task', 'q' || mod(n, 5), state,
        CASE state WHEN 'FAILURE' THEN 'error' ELSE '' END, '[]', '{}', '{}', '', '', 0,
        'w' || mod(n, 4) || '@host', '', submitted_at, submitted_at, submitted_at,
        CASE WHEN state = 'PENDING' AND mod(n, 2) = 0 THEN now() + interval '1 day' END,
        CASE mod(n, 30) WHEN 0 THEN 'schedule ' || mod(n, 300) / 30 ELSE '' END, '', 'code',
        CASE mod(n, 50) WHEN 0 THEN 'key-' || n ELSE '' END,
        CASE mod(n, 20) WHEN 0 THEN ARRAY['often', 'rare-' || n / 400] ELSE '{}' END,
        CASE mod(n, 300) WHEN 0 THEN 'job-' || n - 1 END, 0, n
    FROM (
        SELECT n, now() - (%s - n) * interval '25 seconds' AS submitted_at,
            CASE WHEN dice < 970 THEN 'SUCCESS' WHEN dice < 980 THEN 'FAILURE' WHEN dice < 990 THEN 'REVOKED'
                WHEN dice < 995 THEN 'RETRY' WHEN dice < 999 THEN 'PENDING' ELSE 'STARTED' END AS state
        FROM (
            SELECT n, mod(hashint4(n) & 2147483647, 1000) AS dice FROM generate_series(1, %s) AS n
        ) AS thrown
    ) AS made
"""


def make_many_results(count: int) -> None:
    """Results of a month, with statistics as autovacuum would have gathered them."""
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE django_celery_results_taskresult")
        cursor.execute(RESULTS, [count])
        cursor.execute("ANALYZE django_celery_results_taskresult")


def make_many_jobs(count: int) -> None:
    """Jobs of a month, nearly all of which succeeded; tags, keys and schedules on some.

    Begins with new indexes: what earlier tests deleted would make the planner think them dear.
    """
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE jobs_job CASCADE")
        cursor.execute(JOBS, [count, count])
        cursor.execute("VACUUM ANALYZE jobs_job")


def rows_read(sql: str, values: Any = None) -> int:
    """The most rows that any step of the query's plan went through."""
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, FORMAT JSON) {sql}", values)
        return most_rows(cursor.fetchone()[0][0]["Plan"])


def most_rows(plan: dict[str, Any]) -> int:
    seen = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
    seen += plan.get("Rows Removed by Index Recheck", 0)
    return max([int(seen * plan["Actual Loops"]), *(most_rows(part) for part in plan.get("Plans", []))])
