"""Which jobs the sweeper has to look at: statements that stay cheap however many jobs there are."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.db import connection

STARTED_MOST = 5000
WAITING_MOST = 200  # for each queue; those that are right come again, so the oldest are enough
TRIES_MOST = 5000
ENDED_MOST = 500
EXPIRED_GRACE_SECONDS = 10  # clocks differ; a worker refuses an expired job by itself
CANCELLED_GRACE_SECONDS = 10

RUNNING = """
SELECT id, instance, version, attempts FROM jobs_job
WHERE state = 'STARTED' ORDER BY submitted_at, id LIMIT %s
"""

# Its message should have reached a worker, or the head of its queue, long ago. The index `job_waiting`
# is on the same expression.
WAITING = """
SELECT place.name, job.id, job.state, job.version, job.attempts, job.resends
FROM unnest(%s::text[], %s::text[]) AS place(key, name) CROSS JOIN LATERAL (
    SELECT id, state, version, attempts, resends FROM jobs_job
    WHERE queue = place.key AND state IN ('PENDING', 'RETRY')
        AND greatest(published_at, eta, due_at) < now() - %s * interval '1 second'
        AND version < (((extract(epoch FROM now()) - %s) * 1000)::bigint << 20) AND outbox IS NULL
        AND NOT EXISTS (SELECT FROM jobs_hold WHERE job_id = jobs_job.id)
    ORDER BY greatest(published_at, eta, due_at) LIMIT %s
) AS job
"""

# Tries without an end that are not the one their job is at.
OPEN_TRIES = """
SELECT try.job_id, try.token, try.instance
FROM jobs_attempt AS try LEFT JOIN jobs_job AS job ON job.id = try.job_id
WHERE try.outcome = '' AND (job.state = 'STARTED' AND job.version = try.token) IS NOT TRUE
ORDER BY try.instance LIMIT %s
"""

EXPIRED = """
SELECT id FROM jobs_job
WHERE state IN ('PENDING', 'RETRY') AND expires_at < now() - %s * interval '1 second'
ORDER BY expires_at LIMIT %s
"""

# Cancelled for so long that the ledger should have been told of the end.
CANCELLED = """
SELECT id FROM jobs_job
WHERE state IN ('PENDING', 'RETRY') AND cancelled_at < now() - %s * interval '1 second'
ORDER BY cancelled_at LIMIT %s
"""


@dataclass(frozen=True)
class Running:
    """A job that the ledger says runs. `version` is the token of its try."""

    id: str
    instance: str
    version: int
    attempts: int


@dataclass(frozen=True)
class Waiting:
    """A job whose message should have been taken long ago."""

    queue: str
    id: str
    state: str
    version: int
    attempts: int
    resends: int


@dataclass(frozen=True)
class OpenTry:
    job_id: str
    token: int
    instance: str


def running() -> list[Running]:
    return [Running(*row) for row in rows(RUNNING, [STARTED_MOST])]


def waiting(queues: Mapping[str, str], seconds: float) -> list[Waiting]:
    """Those due for longer than that. `queues` maps what a row may call a queue to its name."""
    found = rows(WAITING, [list(queues), list(queues.values()), seconds, seconds, WAITING_MOST])
    return [Waiting(*row) for row in found]


def open_tries() -> list[OpenTry]:
    return [OpenTry(*row) for row in rows(OPEN_TRIES, [TRIES_MOST])]


def expired() -> list[str]:
    return [row[0] for row in rows(EXPIRED, [EXPIRED_GRACE_SECONDS, ENDED_MOST])]


def cancelled() -> list[str]:
    return [row[0] for row in rows(CANCELLED, [CANCELLED_GRACE_SECONDS, ENDED_MOST])]


def rows(statement: str, values: list[Any]) -> list[tuple[Any, ...]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return list(cursor.fetchall())
