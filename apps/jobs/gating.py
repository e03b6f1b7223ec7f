"""Where a job asks whether it may begin now. `apps.gate` answers; without it every job may."""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, Protocol

from celery import current_app
from django.conf import settings
from django.utils.module_loading import import_string

from apps.jobs.limits import InOrder

if TYPE_CHECKING:
    from apps.jobs.models import Job


class Gate(Protocol):
    """Its methods are called in the process that runs the job, but for `line_up`."""

    def line_up(self, jobs: "Sequence[Job]") -> None:
        """Jobs of tasks that run in order are being written, in this order and in this transaction."""

    def keeps(self, task: Any, request: Any) -> bool:
        """Whether the job must wait. Its message is then kept, and will come back."""

    def answered(self, task: Any, request: Any, verdict: str) -> None:
        """A job that need not wait asked whether it may start; `verdict` is that of `results.Start`."""

    def left(self, task: Any, request: Any, error: BaseException | None) -> None:
        """The job's code has ended, with that error."""


def in_order(jobs: "Sequence[Job]") -> "list[Job]":
    """Those of the jobs whose place in an order is that of their submission.

    Of a delayed one, and of a step whose arguments come from the step before, it is that of their arrival.
    """
    return [job for job in jobs if runs_in_order(job.task) and job.eta is None and job.args is not None]


def runs_in_order(task: str) -> bool:
    limits = getattr(current_app.tasks.get(task), "limits", ())
    return any(isinstance(limit, InOrder) for limit in limits)


def line_up(jobs: "Sequence[Job]") -> None:
    if jobs and (keeper := gate()):
        keeper.line_up(jobs)


@cache
def gate() -> Gate | None:
    """settings.JOB_GATE, made once in each process."""
    return import_string(settings.JOB_GATE)() if settings.JOB_GATE else None
