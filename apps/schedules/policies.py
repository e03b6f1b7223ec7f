"""What people choose for a schedule, and what then becomes of each due time."""

from django.db.models import TextChoices
from django.utils.translation import gettext_lazy as _

MISSED_WINDOW_SECONDS = 3600


class Missed(TextChoices):
    """What to do about due times at which no beat was alive."""

    SKIP = "skip", _("skip them")
    ONCE = "once", _("run once")
    ALL = "all", _("run all of the window")


class Overlap(TextChoices):
    """What to do when the job of the last firing has not ended yet."""

    ALLOW = "allow", _("run beside it")
    SKIP = "skip", _("skip this run")
    QUEUE = "queue", _("wait for it; one at most")
    CANCEL = "cancel", _("cancel it")


class FiringOutcome(TextChoices):
    FIRED = "fired", _("fired")  # its job was submitted
    WAITING = "waiting", _("waiting")  # for the end of the job before
    MISSED = "missed", _("missed")  # no beat was alive, and the policy passes over it
    LATE = "late", _("too late")
    OVERLAP = "overlap", _("still running")  # the job before was
    ERROR = "error", _("error")  # no job can be made of it


PASSED_OVER = (FiringOutcome.MISSED, FiringOutcome.LATE)  # and nothing else will be done about them
