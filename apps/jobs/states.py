"""The states of a job, which are Celery's own, and why it is in one."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _


class State(TextChoices):
    PENDING = "PENDING", _("pending")  # submitted, waits for a worker
    STARTED = "STARTED", _("started")  # a worker runs it
    RETRY = "RETRY", _("retry")  # failed, will be tried again
    SUCCESS = "SUCCESS", _("success")
    FAILURE = "FAILURE", _("failure")
    REVOKED = "REVOKED", _("revoked")  # cancelled or expired


FINISHED = frozenset({State.SUCCESS, State.FAILURE, State.REVOKED})
ALIVE = frozenset({State.PENDING, State.STARTED, State.RETRY})


class Reason(TextChoices):
    """Why a job is in its state, where the state alone doesn't say."""

    NONE = "", ""
    ERROR = "error", _("error")  # the task raised, and no try is left
    ARGUMENTS = "arguments", _("rejected arguments")
    TIME_LIMIT = "time_limit", _("time limit")
    WORKER_LOST = "worker_lost", _("worker lost")  # its worker died; it waits to be delivered again
    DELIVERY_LIMIT = "delivery_limit", _("delivery limit")  # killed its worker again and again
    UNKNOWN_TASK = "unknown_task", _("unknown task")
    UNREADABLE = "unreadable", _("unreadable message")
    UNROUTED = "unrouted", _("no queue took it")
    REJECTED = "rejected", _("rejected")
    SNOOZED = "snoozed", _("snoozed")
    HELD = "held", _("held")  # by the gate: paused, or a limit is reached
    EXPIRED = "expired", _("expired")
    CANCELLED = "cancelled", _("cancelled")
    SENT_AGAIN = "sent_again", _("sent again")  # by the sweeper, a person or the keeper of dead letters


class Source(TextChoices):
    """Through which door a job came in."""

    CODE = "code", _("code")
    ADMIN = "admin", _("admin")
    PAGE = "page", _("page")
    API = "api", _("API")
    COMMAND = "command", _("command")
    SCHEDULE = "schedule", _("schedule")
    EVENT = "event", _("event")


class Outcome(TextChoices):
    """How one try of a job ended."""

    RUNNING = "", _("running")
    SUCCESS = "success", _("success")
    FAILURE = "failure", _("failure")
    RETRY = "retry", _("will be tried again")
    SNOOZED = "snoozed", _("snoozed")
    REVOKED = "revoked", _("revoked")
    WORKER_LOST = "worker_lost", _("worker lost")
