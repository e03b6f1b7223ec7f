"""The family's jobs."""

from typing import Annotated, Any

from celery import shared_task
from pydantic import AfterValidator

from apps.cleanup.cleaning import clean_files, clean_rows
from apps.cleanup.policies import known_policy
from apps.cleanup.retention import SESSIONS

PolicyName = Annotated[str, AfterValidator(known_policy)]


@shared_task
def cleanup_data_task(policy: PolicyName | None = None, dry_run: bool = False) -> dict[str, Any]:
    """Deletes rows that are older than the retention policies keep them, with their files.

    policy: the name of one policy; none: all of them.
    dry_run: only count, delete nothing.
    """
    return clean_rows(policy, dry_run=dry_run)


@shared_task
def cleanup_files_task(dry_run: bool = False) -> dict[str, Any]:
    """Deletes old files that no row points to, in the folders of imports, reports and the like."""
    return clean_files(dry_run=dry_run)


@shared_task
def cleanup_sessions_task(dry_run: bool = False) -> dict[str, Any]:
    """Deletes the sessions of people whose sign-in has expired."""
    return clean_rows(SESSIONS, dry_run=dry_run)
