"""One run of the cleanup: chore after chore, each with its share of the time and its row of history."""

import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from time import monotonic
from typing import Any

from celery.exceptions import SoftTimeLimitExceeded
from django.conf import settings
from django.utils import timezone

from apps.cleanup.deleting import Swept, sweep
from apps.cleanup.due import due
from apps.cleanup.models import CleanupRun
from apps.cleanup.orphans import sweep_folder
from apps.cleanup.policies import find, folders, policies
from apps.cleanup.tables import Rows
from apps.jobs.errors import PermanentError
from apps.jobs.progress import current_job_id, progress

logger = logging.getLogger(__name__)

SECONDS_MAX = 180
ERROR_LENGTH = 1_000


@dataclass(frozen=True)
class Chore:
    """`total` is how many rows there are to delete, 0 where nobody knows."""

    name: str
    total: int
    batches: Iterator[Swept]


def clean_rows(policy: str | None = None, *, dry_run: bool = False) -> dict[str, Any]:
    """Deletes what is due by this policy, or by all. Raises ArgumentError for an unknown one.

    A run that takes too long stops with what it has, and the next one goes on. A policy that fails
    doesn't stop the others; PermanentError names it in the end.
    """
    chosen = [find(policy)] if policy else list(policies().values())
    counted = [(each, due(each), due(each).count()) for each in chosen]
    return carry_out(
        [
            Chore(each.name, total, estimate(rows, total, each.files) if dry_run else sweep(rows, each.files))
            for each, rows, total in counted
        ],
        dry_run,
    )


def clean_files(*, dry_run: bool = False) -> dict[str, Any]:
    """Deletes old files that no row points to, in the folders that the apps name."""
    return carry_out(
        [Chore(f"files in {each.folder}", 0, sweep_folder(each, dry_run=dry_run)) for each in folders()],
        dry_run,
    )


def estimate(rows: Rows, total: int, files: Iterable[str]) -> Iterator[Swept]:
    held = sum(rows.exclude(**{field: ""}).exclude(**{field: None}).count() for field in files)
    yield Swept(total, files=held)


def carry_out(chores: list[Chore], dry_run: bool) -> dict[str, Any]:
    ends = monotonic() + seconds_allowed()
    runs: list[CleanupRun] = []
    for left, chore in zip(range(len(chores), 0, -1), chores, strict=True):
        share = (ends - monotonic()) / left
        run = CleanupRun.objects.create(policy=chore.name, dry_run=dry_run, job_id=current_job_id() or "")
        attempt(chore, run, monotonic() + share)
        runs.append(run)
    if failed := [f"{run.policy}: {run.error}" for run in runs if run.error]:
        raise PermanentError("; ".join(failed))
    return outcome(runs, dry_run)


def attempt(chore: Chore, run: CleanupRun, until: float) -> None:
    """Whatever goes wrong is written into the run."""
    try:
        run.complete = go_through(chore, run, until)
    except SoftTimeLimitExceeded:
        finish(run, "the job ran out of time")
        raise
    except Exception as error:
        logger.exception("cleanup of %s failed", chore.name)
        finish(run, f"{type(error).__name__}: {error}")
    else:
        finish(run)


def go_through(chore: Chore, run: CleanupRun, until: float) -> bool:
    """Whether it came to the end. The figures are stored as they grow: a killed job leaves them."""
    progress(0, chore.total, chore.name)
    for swept in chore.batches:
        run.deleted += swept.rows
        run.cascaded += swept.cascaded
        run.files_deleted += swept.files
        run.save(update_fields=["deleted", "cascaded", "files_deleted"])
        progress(run.deleted, chore.total, chore.name)
        if monotonic() > until:
            return False
    return True


def finish(run: CleanupRun, error: str = "") -> None:
    run.error = error.replace("\x00", "\\x00")[:ERROR_LENGTH]
    run.finished_at = timezone.now()
    run.took = run.finished_at - run.started_at
    run.save(update_fields=["error", "finished_at", "took", "complete"])


def outcome(runs: list[CleanupRun], dry_run: bool) -> dict[str, Any]:
    return {
        "status": "success",
        "dry_run": dry_run,
        "deleted": sum(run.deleted for run in runs),
        "cascaded": sum(run.cascaded for run in runs),
        "files_deleted": sum(run.files_deleted for run in runs),
        "policies": {run.policy: run.deleted or run.files_deleted for run in runs},
        "unfinished": [run.policy for run in runs if not run.complete],
    }


def seconds_allowed() -> float:
    """Well below the soft time limit: a job that is stopped by it counts as failed."""
    limit = settings.CELERY_TASK_SOFT_TIME_LIMIT
    return min(SECONDS_MAX, limit * 0.7) if limit else SECONDS_MAX
