"""What members have come to: their states follow the ledger's rows, in the same transaction."""

from collections.abc import Sequence
from typing import Any

from django.db import connection

from apps.batches import opening
from apps.batches.models import Standing

CHANNEL = "switchyard_batches"  # PostgreSQL tells whoever settles batches, once it is committed
STATE = f"""CASE WHEN job.finished_at IS NULL THEN '' WHEN job.state = 'SUCCESS' THEN '{Standing.SUCCEEDED}'
    WHEN job.state = 'REVOKED' AND job.reason <> 'expired' THEN '{Standing.CANCELLED}'
    ELSE '{Standing.FAILED}' END"""

# `{found}`: job_id, batch_id, was and now of members, locked in order.
MOVE = """
WITH found AS ({found}), moved AS (
    UPDATE batches_member SET state = found.now FROM found
    WHERE batches_member.job_id = found.job_id AND found.now <> found.was
    RETURNING found.batch_id, found.was
)
SELECT batch_id, bool_or(was <> '') FROM moved GROUP BY batch_id
"""
FOLLOW = MOVE.format(
    found=f"""
    SELECT member.job_id, member.batch_id, member.state AS was, {STATE} AS now
    FROM batches_member AS member JOIN jobs_job AS job ON job.id = member.job_id
    WHERE member.job_id = ANY(%s) ORDER BY member.job_id FOR UPDATE OF member"""  # noqa: S608 - words of ours
)
# A job that somebody deleted will never end. Whoever else has a member in hand says what became of it.
LOOK_AGAIN = MOVE.format(
    found=f"""
    SELECT member.job_id, member.batch_id, member.state AS was,
        CASE WHEN job.id IS NULL THEN '{Standing.CANCELLED}' ELSE {STATE} END AS now
    FROM batches_batch AS batch JOIN batches_member AS member ON member.batch_id = batch.id
    LEFT JOIN jobs_job AS job ON job.id = member.job_id
    WHERE batch.finished_at IS NULL AND member.state = '' AND (job.id IS NULL OR job.finished_at IS NOT NULL)
    ORDER BY member.job_id FOR UPDATE OF member SKIP LOCKED"""  # noqa: S608 - words of ours
)


def note(ids: Sequence[str]) -> None:
    """Of these jobs, which have ended or are open again, those that are members. In the caller's transaction.

    A member that had ended otherwise, because its message was sent again, opens its batch again.
    """
    again = [batch for batch, ended_before in moved(FOLLOW, [list(ids)]) if ended_before]
    if again:
        opening.reopen(again, only_finished=True)


def look_again() -> int:
    """Notes what the ledger knew already: of jobs that were recorded by a release without batches, or
    deleted. Returns how many batches that concerned."""
    return len(moved(LOOK_AGAIN, []))


def wake() -> None:
    """Whoever settles batches looks at once, when the caller's transaction has committed."""
    with connection.cursor() as cursor:
        cursor.execute(f"NOTIFY {CHANNEL}")


def moved(statement: str, values: Sequence[Any]) -> list[tuple[int, bool]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        found: list[tuple[int, bool]] = cursor.fetchall()
    if found:
        wake()
    return found
