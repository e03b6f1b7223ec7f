"""Sending held jobs on, as their limits allow and in turn; one recorder at a time does it.

A job gets its permits before its message is sent, so that exactly as many are under way as may begin.
"""

import json
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from datetime import datetime

from django.db import connection
from django.db.models import Count
from django.utils import timezone

from apps.gate import desired, ordering, permits
from apps.gate.desired import LOOK_SECONDS, Desired
from apps.gate.ends import still_ended
from apps.gate.holding import Reason, move
from apps.gate.models import Pause
from apps.gate.ordering import LINES, Orders
from apps.gate.permits import COUNTED_SECONDS, Permit, Refusal, waiting_key
from apps.jobs import catalog
from apps.jobs.leading import Leader
from apps.jobs.models import Hold
from apps.jobs.outgoing import OUTAGE_SECONDS, Outgoing
from apps.jobs.state import redis_error, state_redis
from apps.jobs.wire import Message

logger = logging.getLogger(__name__)

LOCK = 0x5377_4761_7465_0001  # any number that nothing else locks
BATCH = 200
CARE_SECONDS = 0.5
CLEARING_SECONDS = 10.0
FEW = 4  # as a rule one may go on, or none
TIMED = ("rate:", "pause:")  # lines of which no wake tells anything
SHORTEST_SECONDS, UNKNOWN_SECONDS = 0.01, 0.1

SENT = """
DELETE FROM jobs_hold USING unnest(%s::text[], %s::timestamptz[]) AS sent(id, held_at)
WHERE jobs_hold.job_id = sent.id AND jobs_hold.held_at = sent.held_at
"""

ENDED = """
SELECT hold.job_id, hold.held_at, job.version
FROM jobs_hold AS hold JOIN jobs_job AS job ON job.id = hold.job_id
WHERE job.finished_at IS NOT NULL
"""


class Releasing(Outgoing):
    """Goes on until `stop` is set. `lines` has each line with the time before which it need not be asked."""

    what = "held jobs"

    def __init__(self, stop: threading.Event) -> None:
        super().__init__(stop)
        self.leader = Leader(LOCK)
        self.lines: dict[str, float] = {}
        self.orders = Orders()
        self.wanted = Desired()
        self.next_care = self.next_clearing = 0.0
        self.holds = 0

    def round(self) -> None:
        if not self.leader.leads():
            self.stop.wait(OUTAGE_SECONDS)
            return
        try:
            if time.monotonic() >= self.next_care:
                self.care()
            self.release()
            self.rest()
        except redis_error() as error:
            logger.warning("held jobs wait for Redis: %s", error)
            self.stop.wait(OUTAGE_SECONDS)

    # --- twice a second -------------------------------------------------------------------------

    def care(self) -> None:
        """What is wanted, and who waits for what: counted here, so that no count drifts."""
        self.next_care = time.monotonic() + CARE_SECONDS
        end_pauses()
        self.want(desired.publish())
        if time.monotonic() >= self.next_clearing:
            self.next_clearing = time.monotonic() + CLEARING_SECONDS
            clear()
        counted = Hold.objects.exclude(line__startswith=LINES).order_by()
        counts: dict[str, int] = dict(counted.values_list("line").annotate(Count("job_id")))
        gone = self.lines.keys() - counts.keys()
        with state_redis().pipeline(transaction=False) as pipe:
            for line, count in counts.items():
                pipe.set(waiting_key(line), count, ex=COUNTED_SECONDS)
            for line in gone:
                pipe.delete(waiting_key(line))
            pipe.execute()
        self.lines = {line: self.lines.get(line, 0.0) for line in counts}

    def want(self, wanted: Desired) -> None:
        """Of other limits the lines move in another way."""
        if (wanted.stops, wanted.limits) == (self.wanted.stops, self.wanted.limits):
            return
        self.wanted = wanted
        followed = time.monotonic() + LOOK_SECONDS  # by workers, which would hold them again before
        self.lines = {line: followed if line.startswith("pause:") else 0.0 for line in self.lines}

    # --- as often as something may be free ------------------------------------------------------

    def release(self) -> None:
        now = time.monotonic()
        due = [line for line, when in self.lines.items() if when <= now]
        sendable = self.in_turn() + [hold for line in due for hold in self.admitted(line)]
        for start in range(0, len(sendable), BATCH):
            self.send(sendable[start : start + BATCH])

    def admitted(self, line: str) -> list[Hold]:
        """The first of the line, as far as they have their permits now."""
        found: list[Hold] = []
        for hold in first_of(line):
            reason = self.reason(hold)
            if reason is None:
                found.append(hold)
            elif reason.line == line:
                self.lines[line] = time.monotonic() + until_next(reason)
                break
            else:
                move(hold.job_id, reason)
        return found

    def in_turn(self) -> list[Hold]:
        """Those who waited for the end of another, as far as nothing else keeps them."""
        found = []
        for hold in self.orders.next():
            reason = self.reason(hold)
            if reason is None:
                found.append(hold)
            elif reason.line != hold.line:
                move(hold.job_id, reason)
        return found

    def reason(self, hold: Hold) -> Reason | None:
        """Why it has to wait still, if it has to. Takes its permits."""
        if stop := self.wanted.stop_for(hold.task, hold.queue):
            return Reason.of_stop(stop)
        asked = asked_by(hold, self.wanted)
        order = ordering.permit_of_order(asked)
        if order and not ordering.is_first(hold.job_id, order.line):
            return Reason.of_refusal(Refusal(order, 0))
        counted = permits.counted(asked)
        refusal = permits.admit(hold.job_id, counted, ahead=True) if counted else None
        return Reason.of_refusal(refusal) if refusal else None

    def send(self, holds: Sequence[Hold]) -> None:
        """What the broker doesn't take stays, and keeps its permits for a while."""
        window = self.connected()
        try:
            answers = window.publish([Message(**hold.message) for hold in holds])
        except window.errors as error:
            logger.warning("%d held jobs wait for the broker: %s", len(holds), error)
            self.disconnect()
            self.stop.wait(OUTAGE_SECONDS)
            return
        sent = [hold for hold in holds if hold.job_id in answers and answers[hold.job_id] is None]
        for job_id, why in answers.items():
            if why:
                logger.error("job %s can't be sent on: %s", job_id, why)
        forget(sent)
        self.holds += len(sent)

    def rest(self) -> None:
        """Until a line may move, somebody is held, or a place is free."""
        now = time.monotonic()
        soonest = min([self.next_care, self.orders.next_look, *self.lines.values()])
        seconds = max(SHORTEST_SECONDS, min(soonest - now, CARE_SECONDS))
        if self.stop.is_set() or state_redis().blpop([permits.WAKE], timeout=seconds) is None:
            return
        self.orders.woken()
        for line in self.lines:
            if not line.startswith(TIMED):
                self.lines[line] = 0.0
        if not self.lines:
            self.next_care = 0.0


def first_of(line: str) -> Iterator[Hold]:
    """At most BATCH, in turn; read as they are needed."""
    start, size = 0, FEW
    waiting = Hold.objects.filter(line=line).order_by("turn", "held_at")
    seen: set[str] = set()
    while start < BATCH and (page := list(waiting.exclude(job_id__in=seen)[: min(size, BATCH - start)])):
        yield from page
        seen |= {hold.job_id for hold in page}
        start, size = start + len(page), size * 4


def until_next(reason: Reason) -> float:
    """A rate says exactly when it grants the next permit; of the end of a pause `want` tells, of anything
    else a wake."""
    if reason.line.startswith("pause:"):
        return CARE_SECONDS
    if reason.line.startswith("rate:"):
        return max(SHORTEST_SECONDS, reason.seconds or 0)
    return min(CARE_SECONDS, reason.seconds or UNKNOWN_SECONDS)


def asked_by(hold: Hold, wanted: Desired) -> list[Permit]:
    """What the job needs now: its limits may be others than when it was held. Of a task that only its
    workers know, what they asked for.
    """
    task = catalog.tasks().get(hold.task)
    if task is None:
        return [Permit(**permit) for permit in hold.permits]
    args, kwargs, _links = json.loads(hold.message["body"])
    return permits.permits_for(task, wanted.limits_of(task), args, kwargs)


def forget(sent: Sequence[Hold]) -> None:
    drop([(hold.job_id, hold.held_at) for hold in sent])


def drop(kept: Sequence[tuple[str, datetime]]) -> None:
    """Not those that a worker has held again meanwhile."""
    with connection.cursor() as cursor:
        cursor.execute(SENT, [[job_id for job_id, _ in kept], [held_at for _, held_at in kept]])


def end_pauses() -> None:
    for pause in Pause.objects.filter(until__lte=timezone.now()):
        logger.info("the pause of %s is over", pause)
        pause.delete()


def clear() -> None:
    """Of jobs that ended while they waited: expired, or revoked elsewhere."""
    with connection.cursor() as cursor:
        cursor.execute(ENDED)
        rows = cursor.fetchall()
    ended = still_ended({job_id: version for job_id, _, version in rows})
    drop([(job_id, held_at) for job_id, held_at, _ in rows if job_id in ended])
