"""Cursors of loops in PostgreSQL."""

from dataclasses import dataclass
from typing import Any

from django.db import connection
from kombu.utils.json import dumps

from apps.jobs import plain
from apps.jobs.errors import ArgumentError
from apps.running.models import NAME_LENGTH, Cursor

CURSOR_BYTES = 8192

# A try that was thought dead, and whose job runs elsewhere by now, changes nothing.
SAVE = """
INSERT INTO running_cursor (job_id, name, value, done, attempt, updated_at)
VALUES (%s, %s, %s, %s, %s, clock_timestamp())
ON CONFLICT (job_id, name) DO UPDATE SET value = excluded.value,
    done = running_cursor.done + excluded.done,
    attempt = excluded.attempt, updated_at = excluded.updated_at
WHERE running_cursor.attempt <= excluded.attempt
"""

SUCCEEDED = """
DELETE FROM running_cursor USING jobs_job WHERE jobs_job.id = running_cursor.job_id
AND jobs_job.state = 'SUCCESS'
"""


@dataclass(frozen=True)
class Place:
    """Where a loop is: in which job and try, and by which name."""

    job_id: str
    attempt: int
    name: str = ""

    def __post_init__(self) -> None:
        if len(self.name) > NAME_LENGTH or plain.complaint(self.name):
            raise ArgumentError({"name": f"expected a text of at most {NAME_LENGTH} characters"})


def load(place: Place) -> tuple[Any, int]:
    """The cursor, None at the beginning, and how many steps were done."""
    row = Cursor.objects.filter(job_id=place.job_id, name=place.name).values_list("value", "done").first()
    return row or (None, 0)


def save(place: Place, value: Any, steps: int) -> bool:
    """In the caller's transaction; `steps` were done since it was saved last.

    False if a later try of the job has begun. Raises ArgumentError.
    """
    try:
        text = dumps(plain.copied(value, CURSOR_BYTES))
    except plain.NotPlain as error:
        raise ArgumentError({"cursor": str(error)}) from None
    with connection.cursor() as cursor:
        cursor.execute(SAVE, [place.job_id, place.name, text, steps, place.attempt])
        return bool(cursor.rowcount)


def in_transaction() -> bool:
    return bool(connection.in_atomic_block)


def forget() -> None:
    """Of jobs that have succeeded: nothing will go on from there."""
    with connection.cursor() as cursor:
        cursor.execute(SUCCEEDED)
