"""Jobs that cost nothing themselves, but have to ask the gate."""

from celery import shared_task

from apps.jobs.limits import Rate

RATE = 100


@shared_task(name="benchmarks.rated", limits=[Rate(RATE, burst=RATE // 10, share=("tenant",))])  # type: ignore[call-overload,untyped-decorator] # celery-types doesn't know our option
def rated_task(tenant: int) -> None:
    """Does nothing; all tenants share one rate."""


@shared_task(name="benchmarks.kept")
def kept_task() -> None:
    """Does nothing, and is paused."""
