"""What has happened and is not in the ledger yet, and what waits to be published."""

from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Min
from django.utils import timezone

from apps.jobs.models import Job
from apps.jobs.stream.names import GROUP, STREAM
from apps.jobs.stream.reaching import stream_redis

READS_WITHIN_SECONDS = 15  # a recorder at work reads every second; a large batch takes longer


@dataclass(frozen=True)
class StreamBacklog:
    """`length` of `length_most` entries. `recorders`: how many have read within READS_WITHIN_SECONDS.

    `unread_seconds`: since any recorder read or, where none ever did, since the oldest entry was made.
    """

    length: int
    length_most: int
    oldest_seconds: float
    unread_seconds: float
    recorders: int


def of_stream() -> StreamBacklog:
    """Raises redis's errors."""
    redis: Any = stream_redis()
    oldest_seconds, idle = lag_seconds(), idle_seconds(redis)
    return StreamBacklog(
        length=redis.xlen(STREAM),
        length_most=settings.LEDGER_STREAM_MAX,
        oldest_seconds=oldest_seconds,
        unread_seconds=min(idle, default=oldest_seconds),
        recorders=sum(each <= READS_WITHIN_SECONDS for each in idle),
    )


def lag_seconds() -> float:
    """How old the oldest entry is that is not in the ledger yet, by Redis's clock."""
    redis: Any = stream_redis()
    with redis.pipeline(transaction=False) as pipe:
        pipe.xrange(STREAM, count=1)
        pipe.time()
        oldest, (seconds, microseconds) = pipe.execute()
    if not oldest:
        return 0.0
    made = int(oldest[0][0].partition(b"-")[0]) / 1000
    return float(max(0.0, seconds + microseconds / 1_000_000 - made))


def outbox_seconds() -> float:
    """How long the job that waits longest should have been published; 0 when none is late.

    A job that the broker refuses counts from its next try.
    """
    due = Job.objects.filter(outbox__isnull=False).aggregate(due=Min("relay_at"))["due"]
    return max(0.0, (timezone.now() - due).total_seconds()) if due else 0.0


def idle_seconds(redis: Any) -> list[float]:
    """Of each recorder that has ever read and was not forgotten: since it last asked for entries."""
    from redis import ResponseError  # takes 90 ms, which a process that never asks need not pay

    try:
        consumers = redis.xinfo_consumers(STREAM, GROUP)
    except ResponseError as error:
        if "no such key" in str(error) or "NOGROUP" in str(error):  # no recorder has ever run
            return []
        raise
    return [consumer["idle"] / 1000 for consumer in consumers]
