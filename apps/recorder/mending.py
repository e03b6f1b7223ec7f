"""Mending jobs whose truth is elsewhere. Each step looks, waits until it is sure, and goes by the result
backend, so that Redis, whoever waits for the job, and the ledger agree.
"""

import logging
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Any

from billiard.exceptions import WorkerLostError
from celery import current_app
from celery.app.task import Context
from django.conf import settings
from django.db.models import F
from django.db.models.functions import Now
from kombu import Queue

from apps.jobs.keys import headers_again
from apps.jobs.models import Attempt, Job
from apps.jobs.results import LedgerBackend
from apps.jobs.states import FINISHED, Outcome, State
from apps.jobs.stream import documents
from apps.recorder import overdue
from apps.recorder.doubting import Doubts
from apps.recorder.judging import RESENDS_MOST
from apps.recorder.overdue import Running, Waiting
from apps.recorder.peeking import QueueLook, Unreachable, peek
from apps.recorder.remembering import LOST, Memory, recall, states_of, tell_again, token_text
from apps.recorder.watching import Watch

logger = logging.getLogger(__name__)

SURE_SECONDS_MOST = 60  # for how long nobody may have a job's message, beside its being overdue
NO_TRY = "0-0"  # such an end is the job's; its tries have theirs
BEGUN_OR_ENDED = {State.STARTED, *FINISHED}


class Mending:
    """One recorder's. `counts`: what was mended since they were last taken."""

    def __init__(self, watch: Watch) -> None:
        self.watch = watch
        self.doubts = Doubts()
        self.counts: Counter[str] = Counter()
        self.backend: LedgerBackend = current_app.backend

    def mend(self) -> None:
        """One look at everything. Raises redis's errors and the database's."""
        self.mend_running()
        self.mend_waiting()
        self.close_tries()
        self.revoke("expired", overdue.expired())
        self.revoke("cancelled", overdue.cancelled())

    # --- jobs that are said to run --------------------------------------------------------------

    def mend_running(self) -> None:
        """A worker that is gone has lost its jobs. A living one without the job has lost its process."""
        held = self.watch.held()
        doubtful: dict[tuple[str, int], Running] = {}
        for job in overdue.running():
            if self.watch.gone(job.instance):
                self.lose(job.id, job.instance, token_text(job.version))
            if job.id not in held:
                doubtful[job.id, job.version] = job
        sure = [doubtful[key] for key in self.doubts.ripe("running", doubtful, settings.WORKER_LOST_SECONDS)]
        memories = recall([job.id for job in sure])
        for job in sure:
            self.settle_running(job, memories[job.id])

    def settle_running(self, job: Running, memory: Memory) -> None:
        if memory.state == State.STARTED:
            self.lose(job.id, job.instance, memory.token)
        elif memory.state:
            self.tell_again(job.id, memory)
        else:  # Redis has lost its data
            self.tell_again(job.id, Memory(LOST, job.attempts, token_text(job.version)))

    def lose(self, job_id: str, instance: str, token: str) -> None:
        words = f"its worker {instance.rpartition('#')[0]} was lost"
        if self.backend.lose_now(job_id, documents.plain({"error": words}), token):
            logger.warning("job %s: %s", job_id, words)
            self.counts["jobs_lost"] += 1

    def tell_again(self, job_id: str, memory: Memory) -> None:
        logger.warning("job %s: the ledger had missed that it is %s", job_id, memory.state)
        tell_again(job_id, memory)
        self.counts["told_again"] += 1

    # --- jobs that wait -------------------------------------------------------------------------

    def mend_waiting(self) -> None:
        """Jobs that are overdue although their queue is empty and no worker has them."""
        queues = {name: queue.name for queue in settings.CELERY_TASK_QUEUES for name in names_of(queue)}
        waiting: defaultdict[str, list[Waiting]] = defaultdict(list)
        for job in overdue.waiting(queues, settings.SWEEP_AFTER_SECONDS):
            waiting[job.queue].append(job)
        self.doubts.keep("waiting:", waiting)
        if not waiting:
            return
        try:
            looks = peek([*waiting, *keepers()])
        except Unreachable as error:
            logger.warning("the queues can't be looked at: %s", error)
            self.doubts.keep("waiting:", ())
            return
        if any(looks[name].ready for name in keepers() if name in looks):
            return  # the keeper of dead letters comes first: one of them may be the job's
        for name, jobs in waiting.items():
            self.mend_queue(name, jobs, looks.get(name))

    def mend_queue(self, name: str, jobs: Sequence[Waiting], look: QueueLook | None) -> None:
        topic = f"waiting:{name}"
        if look is None or not self.all_known(name, look):
            self.doubts.dispel(topic)
            return
        if look.ready:
            return  # each of them may be one of these; a later look will tell
        held = self.watch.held()
        missing = {(job.id, job.version): job for job in jobs if job.id not in held}
        sure_seconds = min(SURE_SECONDS_MOST, settings.SWEEP_AFTER_SECONDS)
        sure = [missing[key] for key in self.doubts.ripe(topic, missing, sure_seconds)]
        memories = recall([job.id for job in sure])
        for job in sure:
            self.settle_waiting(job, memories[job.id])

    def all_known(self, name: str, look: QueueLook) -> bool:
        """Whether we know what every consumer of the queue holds."""
        beats = [beat for beat in self.watch.present() if name in beat.queues]
        return all(beat.whole for beat in beats) and (look.consumers or 0) <= len(beats)

    def settle_waiting(self, job: Waiting, memory: Memory) -> None:
        if memory.state == State.STARTED:
            self.lose(job.id, "", memory.token)
        elif memory.ledger_state not in ("", job.state):
            self.tell_again(job.id, memory)
        else:
            self.send_again(job)

    def send_again(self, waiting: Waiting) -> None:
        job = Job.objects.get(id=waiting.id)
        if problem := why_not(job):
            self.give_up(job, problem)
            return
        self.backend.reopen(job.id, State.PENDING, documents.plain({"note": note_of(job)}))
        retries = Attempt.objects.filter(job_id=job.id, outcome=Outcome.RETRY).count()
        headers: dict[str, Any] = headers_again(job) | ({"retries": retries} if retries else {})
        outbox = {"headers": headers} if headers else {}
        unchanged = Job.objects.filter(
            id=job.id, outbox__isnull=True, resends=job.resends, finished_at=None, cancelled_at=None
        )
        if unchanged.update(outbox=outbox, relay_at=Now(), resends=F("resends") + 1, queue=waiting.queue):
            logger.warning("job %s is sent again: no queue and no worker had it", job.id)
            self.counts["sent_again"] += 1

    def give_up(self, job: Job, problem: str) -> None:
        """The steps after it, whose message was part of its own, end with it."""
        logger.error("job %s is given up: %s", job.id, problem)
        for step in [job, *steps_after(job)]:
            self.backend.mark_as_failure(step.id, WorkerLostError(problem), request=request_of(step))
            self.counts["given_up"] += 1

    # --- tries and deadlines --------------------------------------------------------------------

    def close_tries(self) -> None:
        """Tries without an end whose job has gone on, or ended, without them."""
        held = {beat.instance: frozenset(beat.held) for beat in self.watch.present()}
        doubtful = [
            (found.job_id, found.token)
            for found in overdue.open_tries()
            if found.job_id not in held.get(found.instance, ())
        ]
        for job_id, token in self.doubts.ripe("tries", doubtful, settings.WORKER_LOST_SECONDS):
            unended = Attempt.objects.filter(job_id=job_id, token=token, outcome=Outcome.RUNNING)
            self.counts["tries_closed"] += unended.update(outcome=Outcome.WORKER_LOST, finished_at=Now())

    def revoke(self, reason: str, job_ids: Sequence[str]) -> None:
        """Jobs that nobody began in time, and cancelled ones whose end Redis has lost."""
        states = states_of(job_ids)
        waiting = [job_id for job_id, state in states.items() if state not in BEGUN_OR_ENDED]
        for job in Job.objects.filter(id__in=waiting):
            self.backend.mark_as_revoked(job.id, reason, request_of(job))
            self.counts[reason] += 1


def names_of(queue: Queue) -> set[str]:
    """What a row may call its queue: publishers elsewhere tell a routing key."""
    return {queue.name, queue.routing_key}


def keepers() -> list[str]:
    """The queues of what couldn't be delivered, on brokers that have such."""
    return [settings.DEAD_QUEUE, settings.UNROUTED_QUEUE] if settings.PUBLISH_OPTIONS else []


def why_not(job: Job) -> str:
    """Why its message can't be made again; "" if it can."""
    if job.resends >= RESENDS_MOST:
        return f"its message was lost {job.resends + 1} times: no queue and no worker had it"
    if job.redacted:
        return f"its message was lost, and with it the hidden arguments {', '.join(job.redacted)}"
    if job.args is None or job.kwargs is None:
        return "its message was lost, and the ledger doesn't have its arguments"
    if steps_after(job):
        return "its message was lost, and with it the steps that come after it"
    return ""


def steps_after(job: Job) -> list[Job]:
    """The rest of its chain, which nobody has published yet."""
    found: dict[str, Job] = {}
    before = {job.id}
    while before:
        steps = Job.objects.filter(
            parent__in=before, state=State.PENDING, published_at=None, outbox__isnull=True
        )
        fresh = {step.id: step for step in steps if step.id not in found and step.id != job.id}
        found |= fresh
        before = set(fresh)
    return list(found.values())


def note_of(job: Job) -> str:
    words = "sent again, because no queue and no worker had its message"
    # What `submit` wrote has a priority. Another's message may have had links, which nobody kept.
    return words if job.priority is not None else f"{words}; its links, if it had any, are lost"


def request_of(job: Job) -> Context:
    return Context(id=job.id, task=job.task, args=job.args, kwargs=job.kwargs, try_token=NO_TRY)
