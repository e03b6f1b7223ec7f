"""Which workers live, what they run, and what the sweeper had to mend."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from django.db.models import Count, QuerySet
from django.utils import timezone

from apps.jobs.models import Job, Worker
from apps.jobs.state import state_redis
from apps.jobs.states import State

# In the state Redis:
MENDED = "switchyard:mended"  # a hash: what was mended, and how often
SWEPT = "switchyard:swept"  # when that was looked for last, in seconds since the epoch


@dataclass(frozen=True)
class WorkerView:
    """One life of a worker. `state` is "alive", "lost" or "stopped"; `running` counts its jobs."""

    instance: str
    name: str
    state: str
    pid: int
    queues: tuple[str, ...]
    concurrency: int
    running: int
    started: datetime
    seen: datetime


def living() -> list[WorkerView]:
    """Those whose heartbeat is heard, by name."""
    return views(Worker.objects.filter(stopped_at=None, lost_at=None).order_by("name", "started_at"))


def lost(within: timedelta = timedelta(hours=1)) -> list[WorkerView]:
    """Those that fell silent within that time and have not come back, the latest first."""
    since = timezone.now() - within
    return views(Worker.objects.filter(lost_at__gte=since).order_by("-lost_at"))


def running(instance: str) -> QuerySet[Job]:
    """The jobs that this life of a worker runs, the oldest first."""
    return Job.objects.filter(state=State.STARTED, instance=instance).order_by("started_at")


def mended() -> dict[str, int]:
    """What the sweeper mended, and how often, since Redis was empty. Raises redis's errors.

    workers_lost; jobs_lost: their worker or process died; told_again: outcomes that the ledger had missed;
    sent_again: their message was nowhere; given_up: it could not be made again; expired: never begun in
    time; tries_closed: tries without an end.
    """
    redis: Any = state_redis()
    return {name: int(number) for name, number in sorted(redis.hgetall(MENDED).items())}


def swept_at() -> datetime | None:
    """When a recorder last looked for what is to be mended. Raises redis's errors."""
    found: Any = state_redis().get(SWEPT)
    return datetime.fromtimestamp(float(found), UTC) if found else None


def views(workers: Iterable[Worker]) -> list[WorkerView]:
    found = list(workers)
    names = [worker.instance for worker in found]
    counts: dict[str, int] = dict(
        Job.objects.filter(state=State.STARTED, instance__in=names)
        .order_by()
        .values_list("instance")
        .annotate(Count("id"))
    )
    return [view(worker, counts.get(worker.instance, 0)) for worker in found]


def view(worker: Worker, jobs: int) -> WorkerView:
    return WorkerView(
        instance=worker.instance,
        name=worker.name,
        state="stopped" if worker.stopped_at else "lost" if worker.lost_at else "alive",
        pid=worker.pid,
        queues=tuple(worker.queues),
        concurrency=worker.concurrency,
        running=jobs,
        started=worker.started_at,
        seen=worker.seen_at,
    )
