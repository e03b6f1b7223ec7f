"""What one job's page shows, and what can be done from it."""

from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.utils.translation import gettext as _

from apps.console.live import with_progress
from apps.console.run import docstrings
from apps.console.run.calling import by_name
from apps.jobs import Submission, catalog, reading, submit
from apps.jobs.errors import ArgumentError
from apps.jobs.permissions import may_run
from apps.jobs.progress import Progress
from apps.jobs.reading import Call, Details, JobView


@dataclass(frozen=True)
class JobPage:
    """`arguments` are names and values; those that were cut off for the log are as the log has them.

    No task is in here: a template calls what can be called, and would run it.
    """

    job: JobView
    details: Details
    progress: Progress | None
    title: str
    summary: str
    arguments: list[tuple[str, Any]]
    may_run: bool

    @property
    def may_run_again(self) -> bool:
        return self.may_run and self.job.ended and self.details.call is not None

    @property
    def more_children(self) -> int:
        return self.details.child_count - len(self.details.children)


def load(job_id: str, user: AbstractBaseUser | AnonymousUser) -> JobPage | None:
    job = reading.find(job_id)
    if job is None:
        return None
    details, task = reading.details(job), catalog.tasks().get(job.task)
    call = details.call or shortened(job)
    return JobPage(
        job=job,
        details=details,
        progress=with_progress([job])[0].progress,
        title=catalog.title(job.task) or _("Job of an unknown task"),
        summary=docstrings.read(catalog.description(task), ()).summary if task else "",
        arguments=list(by_name(task, call).items()) if call else as_logged(job),
        may_run=task is not None and may_run(user, job.task),
    )


def run_again(page: JobPage) -> Submission:
    """The same arguments in a new job. Raises JobError."""
    call = page.details.call
    if call is None:
        raise ArgumentError({"": _("the exact arguments are not known any more")})
    return submit(page.job.task, args=call.args, kwargs=call.kwargs)


def as_data(job: JobView) -> dict[str, Any]:
    """For scripts."""
    progress = with_progress([job])[0].progress
    return {
        "id": job.id,
        "task": job.task,
        "state": job.state,
        "ended": job.ended,
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
        "started": job.started,
        "finished": job.finished,
    }


def shortened(job: JobView) -> Call | None:
    if isinstance(job.args, list | tuple) and isinstance(job.kwargs, dict):
        return Call(list(job.args), job.kwargs)
    return None


def as_logged(job: JobView) -> list[tuple[str, Any]]:
    return [(name, text) for name, text in (("args", job.args), ("kwargs", job.kwargs)) if text]
