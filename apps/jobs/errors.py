"""What can go wrong on purpose.

JobError
├── TemporaryError        the job is tried again, within its policy
├── PermanentError        the job fails at once
│   └── ArgumentError     its arguments don't fit the task
├── UnknownTask           nobody registered a task of that name
└── NotSubmitted          the broker did not take the job
"""

from collections.abc import Mapping


class JobError(Exception):
    """Base of every error the engine raises or understands."""


class TemporaryError(JobError):
    """Try again later: in `retry_after_seconds` if given, else as the task's policy says."""

    def __init__(self, message: str = "", *, retry_after_seconds: int | None = None) -> None:
        super().__init__(message)
        self.retry_after_seconds = retry_after_seconds


class PermanentError(JobError):
    """Trying again can't help."""


class ArgumentError(PermanentError):
    """`problems` maps an argument's name to what was expected of it; "" is the call as a whole."""

    def __init__(self, problems: Mapping[str, str]) -> None:
        self.problems = dict(problems)
        super().__init__("; ".join(f"{k}: {v}" if k else v for k, v in self.problems.items()))

    def __reduce__(self) -> tuple[type["ArgumentError"], tuple[dict[str, str]]]:
        return type(self), (self.problems,)


class UnknownTask(JobError):
    """The name is not registered; the message has the nearest one that is."""


class NotSubmitted(JobError):
    """The broker could not be reached or refused the job: it will not run."""
