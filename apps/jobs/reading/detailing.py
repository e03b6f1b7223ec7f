"""What is known of one job beside its row."""

from dataclasses import dataclass, field
from typing import Any

from django.db.models import QuerySet

from apps.jobs.models import DeadLetter, Job
from apps.jobs.reading.counting import Count, up_to
from apps.jobs.reading.finding import remembered
from apps.jobs.reading.jobview import JobView
from apps.jobs.reading.rows import lines, rows
from apps.jobs.reading.tries import AttemptView, tries
from apps.jobs.submitting import Call

RELATIVES = 100  # a group may have thousands of members
COUNTED = 10_000


@dataclass(frozen=True)
class Kin:
    """The first RELATIVES of a kind, and how many there are."""

    jobs: list[JobView] = field(default_factory=list)
    count: Count = field(default_factory=lambda: Count(0))

    @property
    def more(self) -> int:
        return self.count.number - len(self.jobs)


@dataclass(frozen=True)
class Details:
    """`call` is as people may see it, secrets hidden; None once the arguments are known nowhere.

    `children` were submitted by this job, `members` are its group's, this job among them. `root` is
    where its tree began. `retries` are newer jobs that run this one again. `letters` are the ids of
    its messages that ended as dead letters.
    """

    call: Call | None
    tries: list[AttemptView] = field(default_factory=list)
    root: JobView | None = None
    parent: JobView | None = None
    children: Kin = field(default_factory=Kin)
    members: Kin = field(default_factory=Kin)
    retry_of: JobView | None = None
    retries: Kin = field(default_factory=Kin)
    letters: list[int] = field(default_factory=list)

    @property
    def has_relatives(self) -> bool:
        above = self.root or self.parent or self.retry_of
        return bool(above or self.children.jobs or self.members.jobs or self.retries.jobs)


def details(job: JobView) -> Details:
    if job.submitted is None:  # the ledger knows nothing of it
        return Details(call_of(job, remembered(job.id)))
    above = above_of(job)
    return Details(
        call=call_of(job, {}) or call_of(job, remembered(job.id)),
        tries=tries(job.id),
        root=above.get(job.root or "") if job.root != job.parent else None,
        parent=above.get(job.parent or ""),
        children=kin(rows(parent=job.id).exclude(id=job.id)),  # a retry is a child of its own
        members=kin(rows(group=job.group)) if job.group else Kin(),
        retry_of=above.get(job.retry_of or ""),
        retries=kin(rows(retry_of=job.id)) if job.retried else Kin(),
        letters=list(DeadLetter.objects.filter(job_id=job.id).values_list("id", flat=True)[:RELATIVES]),
    )


def call_of(job: JobView, memory: dict[str, Any]) -> Call | None:
    args, kwargs = memory.get("args", job.args), memory.get("kwargs", job.kwargs)
    if not isinstance(args, list) or not isinstance(kwargs, dict):
        return None
    return Call(args, kwargs)


def above_of(job: JobView) -> dict[str, JobView]:
    """The parent, the root and what it is a retry of, by id."""
    ids = {found for found in (job.root, job.parent, job.retry_of) if found and found != job.id}
    return {line.id: line for line in lines(rows(id__in=ids))} if ids else {}


def kin(found: QuerySet[Job]) -> Kin:
    """The oldest first, which is the order they were submitted in."""
    in_order = found.order_by("submitted_at", "id")
    first = lines(in_order[:RELATIVES])
    count = up_to(COUNTED, in_order) if len(first) == RELATIVES else Count(len(first))
    return Kin(first, count)
