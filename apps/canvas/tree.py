"""The jobs that belong together, as one tree: what called what, groups, chords and their bodies."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import pairwise

from django.db import connection
from django.utils.translation import gettext as _

from apps.canvas.models import Chord
from apps.jobs.reading import JobView, lines, rows
from apps.jobs.states import State

JOBS_MOST = 300  # a group may have thousands of members
DEPTH_MOST = 20  # a chain may have hundreds of steps: those below stand no further in

# Whoever called it, whom it called, and those of its group; nearest first.
TOGETHER = """
WITH RECURSIVE tree AS (
    SELECT id, parent, "group" FROM jobs_job WHERE id = %s
    UNION
    SELECT job.id, job.parent, job."group" FROM tree CROSS JOIN LATERAL (
        SELECT id, parent, "group" FROM jobs_job WHERE parent = tree.id
        UNION SELECT id, parent, "group" FROM jobs_job WHERE id = tree.parent
        UNION SELECT id, parent, "group" FROM jobs_job WHERE "group" = tree."group"
    ) AS job
) SELECT id FROM tree LIMIT %s
"""


@dataclass(frozen=True)
class Branch:
    """A job, or a group or chord, which is none. `role` is what it is to the branch above it.

    `depth` is how many branches it stands below, at most DEPTH_MOST; `ends` has an item for each level that
    ends with it.
    """

    kind: str  # "job", "group" or "chord"
    id: str
    job: JobView | None = None
    role: str = ""
    words: str = ""
    depth: int = 0
    has_below: bool = False
    ends: range = range(0)


@dataclass(frozen=True)
class Tree:
    """Its branches from top to bottom, each before those below it.

    `whole` is False where there are more than JOBS_MOST jobs: then the nearest are shown.
    """

    branches: list[Branch]
    jobs: int
    whole: bool = True


def tree_of(job_id: str) -> Tree:
    """Of an unknown job, an empty one."""
    with connection.cursor() as cursor:
        cursor.execute(TOGETHER, [job_id, JOBS_MOST + 1])
        ids = [found for (found,) in cursor.fetchall()]
    near = ids[:JOBS_MOST]
    jobs = sorted(lines(rows(id__in=near)), key=lambda job: (job.submitted is None, job.submitted, job.id))
    chords = Chord.objects.filter(group__in={job.group for job in jobs if job.group})
    return Tree(Planting(jobs, chords).branches(), len(jobs), whole=len(ids) <= JOBS_MOST)


def text_of(tree: Tree) -> list[str]:
    """A line for each job, with the jobs below it further in."""
    return [line_of(branch) for branch in tree.branches]


def line_of(branch: Branch) -> str:
    what = _("group") if branch.kind == "group" else _("chord")
    name = f"{branch.job.state:9} {branch.job.id} {branch.job.task}" if branch.job else what
    return "  " * branch.depth + "  ".join(filter(None, [name, branch.role, branch.words]))


class Planting:
    """Puts jobs below what they belong to."""

    def __init__(self, jobs: list[JobView], chords: Iterable[Chord]) -> None:
        self.jobs = {job.id: job for job in jobs}
        self.chords = {chord.group: chord for chord in chords}
        self.bodies = {body: chord.group for chord in self.chords.values() for body in chord.body_ids}
        self.groups: defaultdict[str, list[JobView]] = defaultdict(list)
        for job in jobs:
            if job.group and job.id not in self.bodies:
                self.groups[job.group].append(job)
        self.below: defaultdict[str, list[JobView]] = defaultdict(list)
        for job in jobs:
            if job.id not in self.bodies:
                self.below[self.parent_of(job)].append(job)

    def parent_of(self, job: JobView) -> str:
        """ "" at the top. The members of a group may know different parents: it stays together."""
        first = self.groups[job.group][0] if job.group and self.groups.get(job.group) else job
        parent = first.parent or ""
        return parent if parent in self.jobs and parent != first.id else ""

    def branches(self) -> list[Branch]:
        """Each job once. Bodies of whose header there is no job any more come last."""
        found: list[Branch] = []
        seen: set[tuple[bool, str]] = set()
        left = [*self.children(""), *self.bodies_alone()][::-1]
        while left:
            branch = left.pop()
            if (bool(branch.job), branch.id) in seen:
                continue
            seen.add((bool(branch.job), branch.id))
            found.append(branch)
            depth = min(branch.depth + 1, DEPTH_MOST)
            left += [replace(below, depth=depth) for below in self.below_it(branch)][::-1]
        return nested(found)

    def bodies_alone(self) -> list[Branch]:
        return [
            self.branch(self.jobs[body])
            for body, group in self.bodies.items()
            if group not in self.groups and body in self.jobs
        ]

    def below_it(self, branch: Branch) -> list[Branch]:
        if branch.kind == "job":
            return self.children(branch.id)
        found = [self.branch(member) for member in self.groups[branch.id]]
        if chord := self.chords.get(branch.id):
            bodies = [self.jobs[body] for body in chord.body_ids if body in self.jobs]
            found += [self.branch(body, _("body")) for body in bodies]
        return found

    def children(self, parent: str) -> list[Branch]:
        found, seen = [], set()
        for job in self.below[parent]:
            if not self.stands_together(job.group):
                found.append(self.branch(job, self.role_below(parent, job)))
            elif job.group not in seen:
                seen.add(job.group)
                found.append(self.together(str(job.group), self.role_below(parent, job)))
        return found

    def stands_together(self, group: str | None) -> bool:
        """Error callbacks are groups of one as a rule; such a group says nothing."""
        return bool(group) and (group in self.chords or len(self.groups[str(group)]) > 1)

    def together(self, group: str, role: str) -> Branch:
        chord, members = self.chords.get(group), self.groups[group]
        known = (len(chord.members or ()), chord.size or 0) if chord else ()
        words = _("%(ended)s of %(all)s have ended") % {
            "ended": sum(member.ended for member in members),
            "all": max([len(members), *known]),
        }
        if chord is None:
            return Branch("group", group, role=role, words=words)
        why = f"; {chord.get_outcome_display()}: {chord.why}" if chord.why else ""
        return Branch("chord", group, role=role, words=words + why)

    def branch(self, job: JobView, role: str = "") -> Branch:
        return Branch("job", job.id, job, role)

    def role_below(self, parent: str, job: JobView) -> str:
        """What a job that failed called are its error callbacks; the rest of its chain failed with it."""
        above = self.jobs.get(parent)
        if above is None or above.state not in (State.FAILURE, State.REVOKED):
            return ""
        return _("on error") if job.published else _("was not reached")


def nested(branches: list[Branch]) -> list[Branch]:
    """The same, knowing how the depth changes from each to the next."""
    depths = [branch.depth for branch in branches] + [0]
    return [
        replace(branch, has_below=after > here, ends=range(max(0, here - after)))
        for branch, (here, after) in zip(branches, pairwise(depths), strict=True)
    ]
