"""What can go wrong on purpose.

JobError
├── TemporaryError        the job is tried again, within its policy
├── PermanentError        the job fails at once
│   ├── ArgumentError     its arguments don't fit the task
│   │   └── RoutingError  a router failed, or named no queue of ours
│   ├── DeliveryLimitReached  it killed its worker again and again
│   ├── Unreadable        its message can't be read
│   ├── Unrouted          no queue took it
│   └── Rejected          a worker refused it for good
├── Snooze                not now: the job waits, which costs no retry
└── UnknownTask           nobody registered a task of that name

Stop                      what ends a try from outside; no Exception
├── Cancelled             somebody wants the job to end
├── Interrupted           the job stops between two steps, and goes on later
└── Superseded            it runs elsewhere by now
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


class RoutingError(ArgumentError):
    """What a router said is no queue, or it failed; the text names it. Nothing was handed in."""


class DeliveryLimitReached(PermanentError):
    """The broker gave the message up: it came back unfinished too often."""


class Unreadable(PermanentError):
    """The message isn't one of Celery's, or not in a form we accept."""


class Unrouted(PermanentError):
    """The broker had no queue for the message."""


class Rejected(PermanentError):
    """A worker rejected the message and didn't want it back."""


class Snooze(JobError):
    """Not now: run again in `seconds` (whole, at least 1). It is no error and costs no retry."""

    def __init__(self, seconds: float, why: str = "") -> None:
        super().__init__(why or f"again in {seconds:g} s")
        self.seconds = seconds
        self.why = why

    def __reduce__(self) -> tuple[type["Snooze"], tuple[float, str]]:
        return type(self), (self.seconds, self.why)


class UnknownTask(JobError):
    """The name is not registered; the message has the nearest one that is."""


class Stop(BaseException):
    """Base of what ends a try from outside: a task that handles the errors of each row lets it pass."""


class Cancelled(Stop):
    """The job shall end: says who wants it and why. It becomes REVOKED."""


class Interrupted(Stop):
    """The job stops here and goes on at its next delivery, at once. It costs no retry."""


class Superseded(Stop):
    """A later try of the job has begun elsewhere. This one, which was thought dead, ends and says nothing."""
