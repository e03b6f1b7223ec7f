"""Unique jobs: a key is held by one job, as long as its rule says."""

from datetime import datetime

from django.db import connection
from django.db.models.functions import Now
from django.utils import timezone

from apps.jobs.models import Hold, Job, JobKey
from apps.jobs.rule import DEBOUNCE, FREE_AT_START, Rule
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


def claim(job: Job, rule: Rule) -> Job | None:
    """Takes its key for the job; returns the job that holds it instead, if one does.

    Call it inside the transaction that writes the job. A job that waits gives way to a newer one, if that
    is their rule: a debounced one that is still here becomes the newer one, all others are cancelled, because
    a message that may be on its way can't be changed.
    """
    now = timezone.now()
    until = now + rule.period if rule.period else None
    mine = JobKey(key=job.key, job_id=job.id, until=until, kind=rule.kind, first_at=now)
    with connection.cursor() as cursor:
        cursor.execute(CLAIM, [mine.key, mine.job_id, mine.until, mine.kind, mine.first_at])
        held = JobKey(*cursor.fetchone())
    if held.job_id == job.id:
        return None
    holder = Job.objects.filter(id=held.job_id).first()
    if holder and holds(held, holder, now):
        if not rule.replaces or held.kind not in FREE_AT_START:
            return holder
        if rule.debounce:
            mine.first_at = held.first_at or now
            job.eta = job.relay_at = rule.start(mine.first_at, now)
            if held.kind == DEBOUNCE and become(holder, job):
                return holder
        give_way(holder, job)
    mine.save(force_update=True)
    return None


def holds(held: JobKey, holder: Job, now: datetime) -> bool:
    """Whether the job still has its key. Of one that began the worker took it; this is for lost messages."""
    if held.until:
        return held.until > now
    if held.kind in FREE_AT_START:
        return holder.state == State.PENDING and not holder.attempts and holder.cancelled_at is None
    return holder.state in ALIVE


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
