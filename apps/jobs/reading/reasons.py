"""Why a job is in its state, in a sentence."""

from django.utils.translation import gettext_lazy as _

from apps.jobs.models import Hold
from apps.jobs.reading.jobview import JobView
from apps.jobs.states import Reason, State

SENTENCES = {
    Reason.ERROR: _("The task raised an error, and no try is left."),
    Reason.ARGUMENTS: _("The task does not take these arguments."),
    Reason.TIME_LIMIT: _("It took longer than its time limit."),
    Reason.WORKER_LOST: _("Its worker died, or the process that ran it."),
    Reason.DELIVERY_LIMIT: _("Its worker died each time it ran, so the broker gave it up."),
    Reason.UNKNOWN_TASK: _("No worker knows its task."),
    Reason.UNREADABLE: _("Its message can't be read."),
    Reason.UNROUTED: _("The broker has no queue for it."),
    Reason.REJECTED: _("A worker rejected it for good."),
    Reason.SNOOZED: _("It put itself off, and will run again."),
    Reason.HELD: _("The gate keeps it until it may begin."),
    Reason.EXPIRED: _("Its time was over before a worker began it."),
    Reason.CANCELLED: _("It was cancelled."),
    Reason.SENT_AGAIN: _("It was sent again."),
}
HELD = _("The gate keeps it: %(why)s.")
WAITS_AGAIN = _("Its worker died, or the process that ran it; the job waits to be delivered again.")


def sentence(job: JobView) -> str:
    """Empty where the state says it all."""
    if job.reason == Reason.WORKER_LOST and job.state == State.PENDING:
        return str(WAITS_AGAIN)
    if job.reason == Reason.HELD and (hold := Hold.objects.filter(job_id=job.id).first()):
        return str(HELD) % {"why": hold.why}
    return str(SENTENCES.get(Reason(job.reason), "")) if job.reason in Reason.values else job.reason
