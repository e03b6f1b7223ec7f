"""The states of a job: Celery's own."""

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
