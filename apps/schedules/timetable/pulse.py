"""Signs of life of the beats, and the times in which there was none."""

from contextlib import closing

from django.db import connection

ABSENT_SECONDS = 5  # without any beat's sign of life: what was due then was missed, not just late

# Without any beat that is remembered, none was alive since the first run that is overdue.
TICK = """
WITH before AS (
    SELECT coalesce(
        (SELECT max(ticked_at) FROM schedules_beat),
        (SELECT min(next_run_at) - interval '1 second' FROM schedules_timing)) AS at
), absence AS (
    INSERT INTO schedules_absence (began_at, ended_at)
    SELECT at, clock_timestamp() FROM before WHERE at < clock_timestamp() - %s * interval '1 second'
    ON CONFLICT (began_at) DO UPDATE SET ended_at = greatest(schedules_absence.ended_at, excluded.ended_at)
    RETURNING extract(epoch FROM ended_at - began_at)
), tick AS (
    INSERT INTO schedules_beat (instance, started_at, ticked_at)
    VALUES (%s, clock_timestamp(), clock_timestamp())
    ON CONFLICT (instance) DO UPDATE SET ticked_at = excluded.ticked_at, stopped_at = NULL
)
SELECT * FROM absence
"""
STOP = "UPDATE schedules_beat SET stopped_at = clock_timestamp() WHERE instance = %s"


def tick(instance: str) -> float:
    """Says that this beat is alive. Returns for how many seconds none was, if that was too long; else 0."""
    with connection.cursor() as cursor:
        cursor.execute(TICK, [ABSENT_SECONDS, instance])
        row = cursor.fetchone()
    return float(row[0]) if row else 0.0


def stop(instance: str) -> None:
    """On a connection of its own: beat is told to stop by a signal, in the middle of whatever it did."""
    with closing(connection.copy()) as own, own.cursor() as cursor:
        cursor.execute(STOP, [instance])
