"""What can go wrong with batches, on purpose."""

from apps.jobs.errors import JobError, PermanentError, TemporaryError


class UnknownBatch(JobError):
    """No batch has that id."""


class BatchClosed(PermanentError):
    """It takes no more members: it is closed, was cancelled or has finished."""


class BatchBusy(TemporaryError):
    """Somebody else has it in hand for longer than the database lets one wait. Nothing was changed."""
