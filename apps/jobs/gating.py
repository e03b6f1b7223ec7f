"""Where a job asks whether it may begin now. `apps.gate` answers; without it every job may."""

from functools import cache
from typing import Any, Protocol

from django.conf import settings
from django.utils.module_loading import import_string


class Gate(Protocol):
    """Its methods are called in the process that runs the job."""

    def keeps(self, task: Any, request: Any) -> bool:
        """Whether the job must wait. Its message is then kept, and will come back."""

    def answered(self, task: Any, request: Any, verdict: str) -> None:
        """A job that need not wait asked whether it may start; `verdict` is that of `results.Start`."""

    def left(self, task: Any, request: Any, error: BaseException | None) -> None:
        """The job's code has ended, with that error."""


@cache
def gate() -> Gate | None:
    """settings.JOB_GATE, made once in each process."""
    return import_string(settings.JOB_GATE)() if settings.JOB_GATE else None
