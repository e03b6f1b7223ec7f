"""What to do about a dead message: keep it and end its job, or send it again."""

import math
import time
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.utils import timezone
from kombu.transport.native_delayed_delivery import MAX_LEVEL, calculate_routing_key, level_name

from apps.jobs.content import time_of
from apps.jobs.ending import Standing
from apps.jobs.examining import RESENDS, UNKNOWN_SINCE, Finding
from apps.jobs.resending import Parcel
from apps.jobs.states import Reason, State

RESENDS_MOST = 2
STEP_SECONDS = 30
CLOCKS_APART_SECONDS = 3600  # between ours and a worker's
REJECTIONS = frozenset({Reason.REJECTED, Reason.UNKNOWN_TASK})
COPIES = frozenset({Reason.UNREADABLE, Reason.UNROUTED})


@dataclass(frozen=True)
class Verdict:
    """`again` is the message to send; without it, the message is kept and, if `ends`, its job ends.

    `words` say why, for people. `due` is when the job goes on, if that is known.
    """

    reason: str
    words: str
    ends: bool
    again: Parcel | None = None
    due: datetime | None = None


def judge(finding: Finding, standing: Standing, *, unknown: bool) -> Verdict:
    """`unknown`: a worker has already ended the job because it didn't know the task."""
    unseen = unknown or not (standing.ended or standing.has_started(finding.order))
    reason = Reason.UNKNOWN_TASK if unknown else finding.reason
    if reason == Reason.UNKNOWN_TASK and not unseen:  # the recorder may not know it, but a worker did
        reason = Reason.REJECTED
    verdict = Verdict(reason, words_for(finding, standing, reason), ends(finding, standing))
    if finding.content.problem:
        return verdict
    if early := of_the_early(finding, standing, verdict):
        return early
    if not unseen:
        return verdict
    if reason == Reason.DELIVERY_LIMIT:
        return of_the_given_up(finding, verdict)
    if finding.death.word == "rejected":
        return of_the_rejected(finding, verdict)
    return verdict


def ends(finding: Finding, standing: Standing) -> bool:
    """Not when the job has ended, nor when it runs from another copy of the message.

    A job that rejected itself while it ran is ended by its worker.
    """
    if not finding.content.job_id or standing.ended:
        return False
    if finding.reason == Reason.DELIVERY_LIMIT or not standing.has_started(finding.order):
        return True
    return standing.state != State.STARTED and finding.reason not in COPIES


def of_the_given_up(finding: Finding, verdict: Verdict) -> Verdict:
    """Each time a worker dies, whatever it held comes back and is counted, run or not.

    A worker that holds several messages takes all of them to the limit with the one that kills it.
    What was never started since it was sent can't be that one.
    """
    if resends_of(finding) >= RESENDS_MOST:
        return verdict
    return replace(verdict, words="its workers died before it was started", again=retrial(finding))


def retrial(finding: Finding) -> Parcel:
    marks = {RESENDS: resends_of(finding) + 1}
    return finding.parcel.again(finding.death.exchange, finding.death.routing_key, **marks)


def resends_of(finding: Finding) -> int:
    value: Any = finding.parcel.headers.get(RESENDS)
    return value if isinstance(value, int) and value >= 0 else 0


def of_the_early(finding: Finding, standing: Standing, verdict: Verdict) -> Verdict | None:
    """A worker gives back what has long to wait (apps/jobs/consuming.py). None: it was another reason.

    The worker went by its own clock. If that is behind ours, the message is due here, and goes back to it, or
    to a better one, every half minute; and what another worker began and lost is no less to run again.
    """
    eta = time_of(finding.content.headers.get("eta"))
    if eta is None or finding.death.word != "rejected" or standing.ended or standing.state == State.STARTED:
        return None
    left = (eta - timezone.now()).total_seconds()
    if left <= 0 and (left < -CLOCKS_APART_SECONDS or verdict.reason == Reason.UNKNOWN_TASK):
        return None
    again = delayed(finding, math.ceil(left) if left > 0 else STEP_SECONDS)
    return replace(verdict, words="a worker got it before its time", again=again, due=eta)


def of_the_rejected(finding: Finding, verdict: Verdict) -> Verdict:
    """What a worker can read and yet refuses to begin is of a task that this worker doesn't know.

    It may be one of an older release: during a deployment the others follow soon.
    """
    now = time.time()
    since = finding.parcel.headers.get(UNKNOWN_SINCE)
    first = min(now, since) if isinstance(since, int | float) and not isinstance(since, bool) else now
    left = first + settings.UNKNOWN_TASK_RETRY_SECONDS - now
    if left < 1:
        return verdict
    again = delayed(finding, min(STEP_SECONDS, int(left)), **{UNKNOWN_SINCE: first})
    return replace(verdict, words="the worker that got it doesn't know its task", again=again)


def delayed(finding: Finding, seconds: int, **marks: Any) -> Parcel:
    """The message, to be sent so that it comes back to its queue after so long."""
    key = calculate_routing_key(seconds, finding.death.routing_key)
    return finding.parcel.again(level_name(MAX_LEVEL), key, **marks)


def words_for(finding: Finding, standing: Standing, reason: str) -> str:
    death, content = finding.death, finding.content
    return {
        Reason.DELIVERY_LIMIT: given_up_words(standing),
        Reason.EXPIRED: "it expired before a worker took it",
        Reason.UNROUTED: f"no queue is bound to {death.exchange!r} for {death.routing_key!r}",
        Reason.UNREADABLE: content.problem,
        Reason.UNKNOWN_TASK: f"no worker knows the task {content.task!r}",
    }.get(Reason(reason), "its queue was full" if death.word == "maxlen" else "a worker rejected it")


def given_up_words(standing: Standing) -> str:
    if standing.starts:
        return f"it was started {standing.starts} times, and each time its worker died or gave it back"
    return "each worker that had it died before it was started"
