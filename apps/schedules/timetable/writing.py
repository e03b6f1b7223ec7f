"""Statements that write many rows of the timetable at once."""

import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from apps.schedules.models import Timing
from apps.schedules.policies import FiringOutcome

TIMINGS = """
UPDATE schedules_timing AS timing SET next_run_at = new.next_run_at, stale = new.stale,
    stale_since = new.stale_since, anchor_at = new.anchor_at, last_due_at = new.last_due_at,
    last_job = new.last_job, problem = new.problem, paused_at = new.paused_at, paused_until = new.paused_until
FROM json_populate_recordset(NULL::schedules_timing, %s::json) AS new
WHERE timing.periodic_task_id = new.periodic_task_id
"""
TIMING_COLUMNS = (
    "periodic_task_id", "next_run_at", "stale", "stale_since", "anchor_at", "last_due_at", "last_job",
    "problem", "paused_at", "paused_until",
)  # fmt: skip

FIRINGS = """
INSERT INTO schedules_firing (schedule_id, due_at, until, count, decided_at, outcome, caught_up, job, cancels,
    note)
SELECT schedule_id, due_at, until, count, decided_at, outcome, caught_up, job, cancels, note
FROM json_populate_recordset(NULL::schedules_firing, %s::json) ORDER BY schedule_id, due_at
ON CONFLICT (schedule_id, due_at) DO NOTHING RETURNING schedule_id, due_at
"""
FIRING_COLUMNS = (
    "schedule_id", "due_at", "until", "count", "decided_at", "outcome", "caught_up", "job", "cancels", "note",
)  # fmt: skip

RUNS = """
UPDATE django_celery_beat_periodictask AS schedule
SET last_run_at = CASE WHEN new.runs > 0 THEN now() ELSE schedule.last_run_at END,
    total_run_count = schedule.total_run_count + new.runs,
    enabled = schedule.enabled AND NOT new.over
FROM json_to_recordset(%s::json) AS new(id int, runs int, over boolean) WHERE schedule.id = new.id
"""


@dataclass(slots=True)
class NewFiring:
    """A row of Firing that is to be written: the model itself takes longer to make than all else of it."""

    schedule_id: int
    due_at: datetime
    until: datetime | None
    count: int
    decided_at: datetime
    outcome: str
    caught_up: bool
    job: str = ""
    cancels: str = ""
    note: str = ""

    @property
    def runs(self) -> bool:
        """It has its job, or waits for its turn."""
        return bool(self.job) or self.outcome == FiringOutcome.WAITING


def write_timings(timings: Sequence[Timing]) -> None:
    execute(TIMINGS, rows(timings, TIMING_COLUMNS))


def write_firings(firings: Sequence[NewFiring]) -> set[tuple[int, datetime]]:
    """Returns schedule and due time of those that are new."""
    return {(pk, due_at) for pk, due_at in execute(FIRINGS, rows(firings, FIRING_COLUMNS))}


def count_runs(runs: dict[int, int], over: Collection[int]) -> None:
    """By schedule: beat's own bookkeeping, as far as people see it. Those that are over are disabled."""
    execute(RUNS, [{"id": pk, "runs": count, "over": pk in over} for pk, count in runs.items()])


def rows(found: Iterable[Any], columns: Sequence[str]) -> list[dict[str, Any]]:
    return [{name: plain(getattr(row, name)) for name in columns} for row in found]


def plain(value: Any) -> Any:
    return value.isoformat() if isinstance(value, datetime) else value


def execute(statement: str, values: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    if not values:
        return []
    with connection.cursor() as cursor:
        cursor.execute(statement, [json.dumps(values)])
        return list(cursor.fetchall()) if cursor.description else []
