"""The job that chaos runs: it notes its start, may fail or nap first, and has one guarded effect."""

import time
from typing import Any

from celery import shared_task
from django.db import OperationalError, connection

from apps.jobs import once
from apps.jobs.errors import Snooze, TemporaryError

TABLES = """
CREATE TABLE IF NOT EXISTS chaos_start (job_id text, at timestamptz DEFAULT now());
CREATE TABLE IF NOT EXISTS chaos_effect (name text, job_id text, at timestamptz DEFAULT now());
CREATE TABLE IF NOT EXISTS chaos_sent (job_id text PRIMARY KEY);
"""
TASK = "tests.chaos.jobs.effect_task"


@shared_task(bind=True, max_retries=10_000, default_retry_delay=1, retry_backoff=False)
def effect_task(self: Any, name: str, sleep_ms: int = 0, stumbles: int = 0, naps: int = 0) -> str:
    """Ends after `stumbles` temporary errors and `naps` snoozes."""
    try:
        note("INSERT INTO chaos_start (job_id) VALUES (%s)", self.request.id)
        if self.request.retries < stumbles:
            raise TemporaryError("stumbled", retry_after_seconds=1)
        if naps and starts(self.request.id) <= naps:
            raise Snooze(1)
        time.sleep(sleep_ms / 1000)
        return str(once(f"chaos:{name}", lambda: take_effect(name, self.request.id)))
    except OperationalError as lost:
        connection.close()
        raise TemporaryError(str(lost), retry_after_seconds=1) from lost


def take_effect(name: str, job_id: str) -> str:
    note("INSERT INTO chaos_effect (name, job_id) VALUES (%s, %s)", name, job_id)
    return name


def note(statement: str, *values: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)


def starts(job_id: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM chaos_start WHERE job_id = %s", [job_id])
        return int(cursor.fetchone()[0])
