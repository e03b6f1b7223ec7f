"""The job that costs nothing itself."""

from celery import shared_task


@shared_task(name="benchmarks.noop")
def noop_task() -> None:
    """Does nothing."""
