"""How long rows and files are kept: each app lists its own in its `retention.py`.

POLICIES is a list of RetentionPolicy; FOLDERS, where there are any, one of FolderPolicy. The
engine's own lists are below. The cleanup family acts on them.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.apps import apps
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Now

from apps.jobs.states import ALIVE, FINISHED


@dataclass(frozen=True)
class RetentionPolicy:
    """Rows of `model` ("app_label.Model") whose `timestamp` is older than `keep_days` are deleted.

    `only` (filter arguments) and what `where` returns (conditions) narrow them down, so that nothing still
    in use goes. Files that the fields named in `files` hold go with their row. Rows that something protects
    stay.
    """

    name: str
    model: str
    timestamp: str
    keep_days: int
    only: dict[str, Any] = field(default_factory=dict)
    files: tuple[str, ...] = ()
    where: Callable[[], tuple[Any, ...]] = tuple  # called late: models are not loaded here


@dataclass(frozen=True)
class FolderPolicy:
    """Files below `folder` of the default storage that no row points to go after `keep_days`."""

    folder: str
    keep_days: int


RESULT = "django_celery_results.TaskResult"


def without_key() -> tuple[Any, ...]:
    """Jobs that have no key for a period."""
    held = apps.get_model("jobs.JobKey").objects.filter(job_id=OuterRef("pk"), until__gt=Now())
    return (~Exists(held),)


def without_job() -> tuple[Any, ...]:
    """Keys whose job ended more than a day ago, or is gone."""
    recent = Q(finished_at=None) | Q(finished_at__gte=Now() - timedelta(days=1))
    return (~Exists(apps.get_model("jobs.Job").objects.filter(recent, id=OuterRef("job_id"))),)


POLICIES = [
    # With their attempts. What has not ended is kept, however old, and what has a key for a period.
    RetentionPolicy(
        "jobs", "jobs.Job", "finished_at", 90, only={"state__in": sorted(FINISHED)}, where=without_key
    ),
    RetentionPolicy("dead letters", "jobs.DeadLetter", "died_at", keep_days=90),
    # Longer than jobs: one that is run again must find what it has done before.
    RetentionPolicy("effects", "jobs.Effect", "done_at", keep_days=180),
    RetentionPolicy(
        "events", "jobs.Event", "occurred_at", keep_days=90, only={"published_at__isnull": False}
    ),
    RetentionPolicy("keys that are free again", "jobs.JobKey", "until", keep_days=1),
    # Who takes such a key meanwhile writes a new `first_at`, by which the row is looked at again once locked.
    RetentionPolicy(
        "keys of jobs that have ended", "jobs.JobKey", "first_at", 1, {"until": None}, where=without_job
    ),
    RetentionPolicy("workers", "jobs.Worker", "seen_at", keep_days=30),
    RetentionPolicy("job results", RESULT, "date_done", keep_days=30, only={"status__in": sorted(FINISHED)}),
    # Longer than any job can be delayed: their messages are lost.
    RetentionPolicy(
        "results of jobs that never ended",
        RESULT,
        "date_done",
        keep_days=90,
        only={"status__in": sorted(ALIVE)},
    ),
    RetentionPolicy("results of groups", "django_celery_results.GroupResult", "date_done", keep_days=30),
]
