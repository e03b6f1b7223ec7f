"""Unique jobs: a key is held by one job, as long as its rule says."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from apps.jobs.live import state_at_best
from apps.jobs.models import Hold, Job, JobKey
from apps.jobs.rule import DEBOUNCE, FREE_AT_START, UNTIL_FINISHED, WHILE_WAITING, Rule
from apps.jobs.states import ALIVE, State

# One statement takes a free key or locks the row of a taken one; whoever comes second waits here.
CLAIM = """
INSERT INTO jobs_jobkey AS held (key, job_id, until, kind, first_at) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (key) DO UPDATE SET key = excluded.key
RETURNING key, job_id, until, kind, first_at
"""
# What a debounced job takes over from the one that is asked for now.
NEWER = (
    "queue", "priority", "args", "kwargs", "redacted", "outbox", "eta", "expires_at", "relay_at", "tags",
    "submitter", "source",
)  # fmt: skip


def lock(jobs: Sequence[Job]) -> None:
    """Takes the rows of their keys, in the order of keys, then those of the jobs that may be changed.

    The recorder writes jobs in the order of ids; whoever changed them in that of keys would wait for it,
    and it for them.
    """
    now, first = timezone.now(), {job.key: job for job in reversed(jobs)}
    changing = {job.key for job in jobs if job.rule and job.rule.replaces}
    held = {key: take(row_of(first[key], now)) for key in sorted(first)}
    ids = [held[key].job_id for key in changing]
    list(Job.objects.filter(id__in=ids).order_by("id").select_for_update(no_key=True).values_list("id"))


def row_of(job: Job, now: datetime, rule: Rule | None = None) -> JobKey:
    rule = rule or job.rule or Rule()
    until = now + rule.period if rule.period else None
    return JobKey(key=job.key, job_id=job.id, until=until, kind=rule.kind, first_at=now)


def take(mine: JobKey) -> JobKey:
    """The key's row as it is now, and locked: mine if it was free."""
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [mine.key, mine.job_id, mine.until, mine.kind, mine.first_at])
        return JobKey(*cursor.fetchone())


def claim(job: Job, rule: Rule) -> Job | None:
    """Takes its key for the job; returns the job that holds it instead, if one does.

    Call it inside the transaction that writes the job. A job that waits gives way to a newer one, if that
    is their rule: a debounced one that is still here becomes the newer one, all others are cancelled, because
    a message that may be on its way can't be changed. Nobody gives way to a job that is run again, but the
    one that it is run again for.
    """
    now = timezone.now()
    mine = row_of(job, now, rule)
    held = take(mine)
    if held.job_id == job.id:
        return None
    holder = Job.objects.filter(id=held.job_id).first()
    if holder and holds(held, holder, now) and not hands_on(holder, job):
        if not rule.replaces or job.retry_of or held.kind not in FREE_AT_START:
            return holder
        if rule.debounce:
            mine.first_at = held.first_at or now
            job.eta = job.relay_at = rule.start(mine.first_at, now)
            if held.kind == DEBOUNCE and become(holder, job):
                return holder
        give_way(holder, job)
    mine.save(force_update=True)
    return None


def take_back(job_id: str, headers: Mapping[str, Any]) -> Job | None:
    """Takes the key again for a job that is let run again; returns the other job that has it, if one does.

    `headers` are those of its message. Call it inside a transaction, before the job is open. A job that has
    begun needs no key that is freed by that; a period it had is not begun anew.
    """
    job = Job.objects.filter(id=job_id).exclude(key="").first()
    frees = "frees_key" in headers
    if job is None or (frees and job.attempts):
        return None
    now = timezone.now()
    mine = row_of(job, now, Rule(WHILE_WAITING if frees else UNTIL_FINISHED))
    held = take(mine)
    holder = Job.objects.filter(id=held.job_id).exclude(id=job.id).first()
    if holder and holds(held, holder, now):
        return holder
    if held.job_id == job.id:
        mine.kind, mine.until = held.kind, held.until
    mine.save(force_update=True)  # with a new `first_at`: retention lets it be until the ledger knows
    return None


def holds(held: JobKey, holder: Job, now: datetime) -> bool:
    """Whether the job still has its key. Of one that began the worker took it; this is for lost messages.

    The ledger may not know of an end yet, so Redis is asked too.
    """
    if held.until:
        return held.until > now
    if holder.state not in ALIVE:
        return False
    if held.kind in FREE_AT_START:
        waits = holder.state == State.PENDING and not holder.attempts and holder.cancelled_at is None
        return waits and state_at_best(holder) == State.PENDING
    return state_at_best(holder) in ALIVE


def hands_on(holder: Job, job: Job) -> bool:
    """Whether a job that has ended has its key for a period, and is run again now."""
    return holder.id == job.retry_of and state_at_best(holder) not in ALIVE


def become(holder: Job, job: Job) -> bool:
    """Makes the job that waits the newer one; False when it has been published."""
    news = {name: getattr(job, name) for name in NEWER}
    waits = Job.objects.filter(id=holder.id, outbox__isnull=False, cancelled_at=None)
    changed = bool(waits.update(**news))
    if changed:
        holder.refresh_from_db()
    return changed


def give_way(holder: Job, job: Job) -> None:
    """Cancels the job that waits: workers ask for that when they begin it, and the sweeper ends it."""
    Hold.objects.filter(job_id=holder.id).delete()
    note = "; ".join(filter(None, [holder.note, f"a newer one took its place: {job.id}"]))
    Job.objects.filter(id=holder.id).update(outbox=None, cancelled_at=Now(), note=note)


def headers_of(job: Job, rule: Rule) -> dict[str, str]:
    """What makes a worker free its key."""
    return {"frees_key": job.key} if job.key and rule.frees_at_start else {}


def headers_again(job: Job) -> dict[str, str]:
    """The same for a job whose message is made anew."""
    held = JobKey.objects.filter(key=job.key, job_id=job.id).first() if job.key else None
    return headers_of(job, Rule(held.kind)) if held else {}
