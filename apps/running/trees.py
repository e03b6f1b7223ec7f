"""Cancelling a job with all that came from it."""

from django.db import connection

from apps.jobs import acting
from apps.jobs.acting import CancelResult

ROUNDS = 5  # what runs may hand in more jobs until it has ended

# The job's own, then theirs. Of a job that is in the ledger twice, as no tree has it, once.
ALIVE = """
WITH RECURSIVE tree(id, depth) AS (
    SELECT id, 1 FROM jobs_job WHERE parent = %(id)s
    UNION SELECT job.id, tree.depth + 1 FROM jobs_job job JOIN tree ON job.parent = tree.id
    WHERE tree.depth < 100
)
SELECT job.id FROM jobs_job job JOIN (SELECT id, min(depth) AS depth FROM tree GROUP BY id) tree USING (id)
WHERE job.state IN ('PENDING', 'STARTED', 'RETRY') AND job.id <> ALL(%(known)s) ORDER BY tree.depth, job.id
"""


def cancel_tree(job_id: str, by: str = "", why: str = "", *, force: bool = False) -> list[CancelResult]:
    """The job, then all below it that have not ended, the nearest first. Raises what `acting.cancel` raises.

    What a running job hands in after that is not cancelled: cancel again.
    """
    found = [acting.cancel(job_id, by, why, force=force)]
    known = {found[0].id}
    for _round in range(ROUNDS):
        more = below(job_id, known)
        if not more:
            break
        known |= set(more)
        found += [acting.cancel(child, by, why, force=force) for child in more]
    return found


def below(job_id: str, known: set[str]) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(ALIVE, {"id": job_id, "known": sorted(known)})
        return [row[0] for row in cursor.fetchall()]
