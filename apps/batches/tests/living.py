"""Batches whose members come to an end without a worker."""

from collections.abc import Iterable

from apps.batches import Callback
from apps.batches.callbacks import Callbacks
from apps.batches.models import Batch
from apps.batches.settling import settle_due
from apps.batches.tests.sample_tasks import told_task
from apps.jobs.models import Job
from apps.jobs.tests.ledger import drain
from apps.jobs.tests.stages import bring


def all_callbacks() -> Callbacks:
    return {
        "on_success": Callback(told_task, {"word": "success"}),
        "on_failure": Callback(told_task, {"word": "failure"}),
        "on_finished": Callback(told_task, {"word": "finished"}),
    }


def end(jobs: Iterable[Job], state: str = "SUCCESS") -> None:
    """The ledger learns that they have come so far."""
    for job in jobs:
        bring(job, state)
    drain()


def settled(batch_id: int) -> Batch:
    """The batch once everything that is due has been settled, as a recorder does."""
    while settle_due():
        pass
    return Batch.objects.get(id=batch_id)


def called(batch_id: int) -> list[str]:
    """The callbacks that were handed in, in order."""
    jobs = Job.objects.filter(task=told_task.name, kwargs__batch_id=batch_id).order_by("submitted_at", "id")
    return [str(word) for word in jobs.values_list("kwargs__word", flat=True)]
