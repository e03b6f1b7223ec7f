"""What the sweeper asks of PostgreSQL every few seconds is answered by an index."""

from typing import Any

import pytest
from django.db import connection

from apps.recorder import overdue

pytestmark = pytest.mark.django_db

JOBS = """
INSERT INTO jobs_job (id, task, queue, state, reason, redacted, error, note, attempts, worker, instance,
    submitted_at, published_at, schedule, submitter, source, key, tags, resends, version, expires_at)
SELECT 'j' || n, 'shop.work', 'data', CASE WHEN n % 100 = 0 THEN 'STARTED' WHEN n % 100 = 1 THEN 'PENDING'
    WHEN n % 100 = 2 THEN 'RETRY' ELSE 'SUCCESS' END, '', '{}', '', '', 0, '', '',
    now() - n * interval '1 minute', now() - n * interval '1 minute', '', '', 'code', '', '{}', 0, 0, now()
FROM generate_series(1, 20000) AS n
"""
TRIES = """
INSERT INTO jobs_attempt (job_id, token, number, worker, instance, started_at, outcome,
    error_kind, error_message, trace)
SELECT 'j' || n, n, 1, '', 'w#1', now(), CASE WHEN n % 100 = 0 THEN '' ELSE 'success' END, '', '', ''
FROM generate_series(1, 20000) AS n
"""


@pytest.mark.parametrize(
    ("statement", "values", "index"),
    [
        (overdue.WAITING, [["data", "email"], ["data", "email"], 300, 300, 200], "job_waiting"),
        (overdue.RUNNING, [5000], "job_by_"),
        (overdue.EXPIRED, [10, 500], "job_expiring"),
        (overdue.OPEN_TRIES, [5000], "attempt_running"),
    ],
)
def test_each_look_uses_its_index(statement: str, values: list[Any], index: str) -> None:
    with connection.cursor() as cursor:
        for prepare in (JOBS, TRIES, "ANALYZE jobs_job", "ANALYZE jobs_attempt"):
            cursor.execute(prepare)
        cursor.execute(f"EXPLAIN {statement}", values)
        plan = "\n".join(line for (line,) in cursor.fetchall())
    assert f"using {index}" in plan
    assert "Seq Scan" not in plan.replace("Seq Scan on jobs_hold", "")  # which is empty


def test_what_is_overdue_comes_with_its_queue_s_name() -> None:
    with connection.cursor() as cursor:
        cursor.execute(JOBS)
    found = overdue.waiting({"data": "imports", "email": "email"}, 300)
    assert len(found) == overdue.WAITING_MOST
    assert {(job.queue, job.state) for job in found} == {("imports", "PENDING"), ("imports", "RETRY")}
    assert found[0].id == "j19902"
