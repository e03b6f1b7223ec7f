"""Watching the workers' heartbeats, and keeping a row of each worker."""

import json
import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.jobs.beats import INSTANCES, Beat, beat_seconds, key_of
from apps.jobs.models import Worker
from apps.jobs.state import state_redis

logger = logging.getLogger(__name__)

FORGET_SECONDS = 7200.0

KEEP = """
INSERT INTO jobs_worker AS worker (
    instance, name, pid, concurrency, queues, beats, started_at, seen_at, stopped_at)
SELECT instance, name, pid, concurrency, queues, number, to_timestamp(started), now(),
    CASE WHEN stopped THEN now() END
FROM jsonb_to_recordset(%s::jsonb) AS beat(instance text, name text, pid int, concurrency int, queues jsonb,
    number bigint, started float8, stopped bool)
ORDER BY instance
ON CONFLICT (instance) DO UPDATE SET
    concurrency = excluded.concurrency, queues = excluded.queues, beats = excluded.beats,
    seen_at = now(), stopped_at = coalesce(worker.stopped_at, excluded.stopped_at), lost_at = NULL
WHERE worker.beats <> excluded.beats
"""


@dataclass
class Seen:
    """One life of a worker. `silent_seconds`: how long we have listened without hearing it."""

    beat: Beat
    silent_seconds: float = 0.0
    kept: bool = False

    @property
    def lost(self) -> bool:
        return not self.beat.stopped and self.silent_seconds >= settings.WORKER_LOST_SECONDS

    @property
    def present(self) -> bool:
        return not self.beat.stopped and not self.lost


class Watch:
    """Listens to all workers. Silence counts only while we could have heard: an outage of Redis, or a
    pause of this very process, makes no worker look lost.
    """

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.workers: dict[str, Seen] = {}
        self.looked_at: float | None = None

    def look(self) -> None:
        """Reads every heartbeat. Raises redis's errors."""
        try:
            beats = read_beats()
        except Exception:
            self.start_anew()
            raise
        now = self.now()
        most = 2 * beat_seconds()
        gap = 0.0 if self.looked_at is None else min(now - self.looked_at, most)
        self.looked_at = now
        for instance, seen in self.workers.items():
            beat = beats.pop(instance, seen.beat)
            if beat == seen.beat:
                seen.silent_seconds += gap
            else:
                self.workers[instance] = Seen(beat)
        self.workers |= {instance: Seen(beat) for instance, beat in beats.items()}

    def start_anew(self) -> None:
        self.looked_at = None
        for seen in self.workers.values():
            seen.silent_seconds = 0.0

    def present(self) -> list[Beat]:
        return [seen.beat for seen in self.workers.values() if seen.present]

    def gone(self, instance: str) -> bool:
        """Whether this life of a worker is known to be over."""
        seen = self.workers.get(instance)
        return seen is not None and not seen.present

    def holder(self, job_id: str) -> str:
        """The instance of a living worker that has a message of the job; else ""."""
        return next((beat.instance for beat in self.present() if job_id in beat.held), "")

    def held(self) -> set[str]:
        """The jobs whose messages living workers have."""
        return {job_id for beat in self.present() for job_id in beat.held}

    def keep(self) -> list[str]:
        """Writes what changed into the rows; returns the names of workers that are newly lost."""
        self.remember_rows()
        fresh = [seen for seen in self.workers.values() if not seen.kept]
        if fresh:
            rows = [{**asdict(seen.beat), "held": None} for seen in fresh]
            with connection.cursor() as cursor:
                cursor.execute(KEEP, [json.dumps(rows)])
            for seen in fresh:
                seen.kept = True
        lost = [seen.beat.instance for seen in self.workers.values() if seen.lost]
        rows_lost = Worker.objects.filter(instance__in=lost, lost_at=None, stopped_at=None)
        names = list(rows_lost.values_list("name", flat=True)) if lost else []
        if names:
            rows_lost.update(lost_at=timezone.now())
            logger.warning("lost without a heartbeat: %s", ", ".join(names))
        self.forget()
        return names

    def remember_rows(self) -> None:
        """Workers that an earlier recorder knew and Redis no longer does are listened for, too."""
        for row in Worker.objects.filter(stopped_at=None, lost_at=None).exclude(instance__in=self.workers):
            self.workers[row.instance] = Seen(beat_of(row), kept=True)

    def forget(self) -> None:
        for instance, seen in list(self.workers.items()):
            if seen.silent_seconds > FORGET_SECONDS:
                del self.workers[instance]


def read_beats() -> dict[str, Beat]:
    """The last beat of each worker; instances whose beat has expired are taken off the list."""
    redis: Any = state_redis()
    instances = sorted(redis.smembers(INSTANCES))
    if not instances:
        return {}
    texts = dict(zip(instances, redis.mget([key_of(instance) for instance in instances]), strict=True))
    expired = [instance for instance, text in texts.items() if text is None]
    if expired:
        redis.srem(INSTANCES, *expired)
    return {instance: Beat.from_json(text) for instance, text in texts.items() if text is not None}


def beat_of(row: Worker) -> Beat:
    return Beat(
        instance=row.instance,
        name=row.name,
        pid=row.pid,
        queues=tuple(row.queues),
        concurrency=row.concurrency,
        started=row.started_at.timestamp(),
        number=row.beats,
    )
