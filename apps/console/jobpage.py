"""What one job's page shows, and what can be done from it."""

import logging
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, PermissionsMixin
from django.utils.translation import gettext as _

from apps.canvas.tree import Tree, tree_of
from apps.jobs import Job, acting, catalog, joblog, reading
from apps.jobs.acting import KeyTaken, NotRetryable
from apps.jobs.errors import ArgumentError
from apps.jobs.joblog import Line
from apps.jobs.permissions import may_run
from apps.jobs.progress import Progress
from apps.jobs.reading import Details, JobView
from apps.jobs.reading.live import with_progress
from apps.jobs.state import redis_error
from apps.jobs.states import Source, State
from apps.running.asking import Wish, wish_of
from apps.taskforms import docstrings
from apps.taskforms.calling import by_name
from apps.taskforms.wording import lost_secrets

logger = logging.getLogger(__name__)

LINES_SHOWN = 100


@dataclass(frozen=True)
class JobPage:
    """`arguments` are names and values, secrets hidden.

    No task is in here: a template calls what can be called, and would run it.
    """

    job: JobView
    details: Details
    tree: Tree
    progress: Progress | None
    title: str
    summary: str
    arguments: list[tuple[str, Any]]
    may_run: bool
    wish: Wish | None
    lines: list[Line]
    rights: frozenset[str]

    @property
    def may_cancel(self) -> bool:
        return not self.job.ended and "cancel_job" in self.rights

    @property
    def may_see_stack(self) -> bool:
        return self.job.state == State.STARTED and "see_stack" in self.rights

    @property
    def may_run_again(self) -> bool:
        return self.may_run and self.job.ended and self.details.call is not None


def load(job_id: str, user: AbstractBaseUser | AnonymousUser) -> JobPage | None:
    job = reading.find(job_id)
    if job is None:
        return None
    details, task = reading.details(job), catalog.tasks().get(job.task)
    return JobPage(
        job=job,
        details=details,
        tree=tree_of(job.id),
        progress=with_progress([job])[0].progress,
        title=catalog.title(job.task) or _("Job of an unknown task"),
        summary=docstrings.read(catalog.description(task), ()).summary if task else "",
        arguments=list(by_name(task, details.call).items()) if details.call else [],
        may_run=task is not None and may_run(user, job.task),
        wish=None if job.ended else wish_of(job.id),
        lines=last_lines(job.id),
        rights=frozenset(right for right in ("cancel_job", "see_stack") if has_right(user, right)),
    )


def has_right(user: AbstractBaseUser | AnonymousUser, right: str) -> bool:
    return isinstance(user, PermissionsMixin) and user.has_perm(f"running.{right}")


def last_lines(job_id: str) -> list[Line]:
    """What the job logged last, as it runs."""
    try:
        return joblog.read(job_id)[-LINES_SHOWN:]
    except redis_error() as error:
        logger.warning("log lines can't be read: %s", error)
        return []


def run_again(page: JobPage, by: str) -> Job:
    """The same arguments in a new job. Raises JobError."""
    call = page.details.call
    if call is None:
        raise ArgumentError({"": _("its arguments are not known any more")})
    try:
        return acting.retry(page.job.id, args=call.args, kwargs=call.kwargs, by=by, source=Source.PAGE)
    except NotRetryable as error:
        if isinstance(error, KeyTaken) or not (page.job.redacted and page.job.ended):
            raise
        raise ArgumentError({"": lost_secrets(page.job.redacted)}) from error


def as_data(job: JobView) -> dict[str, Any]:
    """For scripts."""
    progress = with_progress([job])[0].progress
    return {
        "id": job.id,
        "task": job.task,
        "state": job.state,
        "reason": job.reason,
        "ended": job.ended,
        "attempts": job.attempts,
        "progress": progress
        and {
            "done": progress.done,
            "total": progress.total or None,
            "message": progress.message,
            "seconds_left": progress.seconds_left,
        },
        "result": None if job.error else job.result,
        "error": job.error,
        "submitted": job.submitted,
        "published": job.published,
        "started": job.started,
        "finished": job.finished,
    }
