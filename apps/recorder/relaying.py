"""Publishing what nobody else did: jobs whose process died, or found no broker, after the commit."""

import logging
import threading
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from apps.jobs.models import Job
from apps.jobs.outgoing import OUTAGE_SECONDS, Outgoing
from apps.jobs.publishing import OUTBOX_CHANNEL, mark_published
from apps.jobs.wire import message

logger = logging.getLogger(__name__)

BATCH = 500
LOOK_SECONDS = 1.0
REFUSED_SECONDS = 30  # until a job that the broker refused is tried again
NOTE_LENGTH = 1000
WOKEN_GRACE_SECONDS = 1.0  # others publish what they have just committed

# The oldest first; what another relay has in hand is passed over.
DUE = """
SELECT * FROM jobs_job
WHERE outbox IS NOT NULL AND (relay_at IS NULL OR relay_at <= now() + %s * interval '1 second')
ORDER BY relay_at NULLS FIRST FOR UPDATE SKIP LOCKED LIMIT %s
"""


class Relaying(Outgoing):
    """Publishes the outbox until `stop` is set."""

    what = "jobs in the outbox"

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(stop)
        self.relayed = 0

    def round(self) -> None:
        """Everything that is due, then a pause, which a NOTIFY cuts short."""
        while self.publish_batch() == BATCH and not self.stop.is_set():
            pass
        self.pause()

    def publish_batch(self, ahead_seconds: float = 0) -> int:
        """Publishes the jobs that are due; returns how many there were."""
        with transaction.atomic():
            jobs = list(Job.objects.raw(DUE, [ahead_seconds, BATCH]))
            if jobs:
                self.publish(jobs)
        return len(jobs)

    def publish(self, jobs: list[Job]) -> None:
        """What the broker didn't take is tried again later, so that it holds up nobody else."""
        answers = self.answers(jobs)
        published = [job.id for job in jobs if job.id in answers and answers[job.id] is None]
        mark_published(published)
        self.relayed += len(published)
        refused = {job_id: why for job_id, why in answers.items() if why}
        for job_id, why in refused.items():
            logger.error("job %s can't be published: %s", job_id, why)
            Job.objects.filter(id=job_id).update(note=f"not published: {why}"[:NOTE_LENGTH])
        again = timezone.now() + timedelta(seconds=REFUSED_SECONDS)
        Job.objects.filter(id__in=refused).update(relay_at=again)
        if published:
            waited = timezone.now() - min(job.relay_at or job.submitted_at for job in jobs)
            logger.info("%d jobs were relayed, the oldest %s late", len(published), waited)
        if len(answers) < len(jobs):
            self.disconnect()
            self.stop.wait(OUTAGE_SECONDS)

    def answers(self, jobs: list[Job]) -> dict[str, str | None]:
        """The broker's answers, with those to jobs that can't even be made a message."""
        found: dict[str, str | None] = {}
        messages = []
        for job in jobs:
            try:
                messages.append(message(job))
            except (KeyError, ValueError, TypeError) as error:
                found[job.id] = f"no message can be made of it: {type(error).__name__}: {error}"
        window = self.connected()
        try:
            return found | window.publish(messages)
        except window.errors as error:
            logger.warning("%d jobs wait for the broker: %s", len(messages), error)
            return found

    def pause(self) -> None:
        """Waits for a process to say that it leaves jobs to the relay, at most LOOK_SECONDS."""
        connection.ensure_connection()
        raw: Any = connection.connection
        with connection.cursor() as cursor:
            cursor.execute(f"LISTEN {OUTBOX_CHANNEL}")
        # All of it first: while the generator runs, the connection is its own.
        if list(raw.notifies(timeout=LOOK_SECONDS, stop_after=1)):
            self.publish_batch(settings.RELAY_GRACE_SECONDS - WOKEN_GRACE_SECONDS)
