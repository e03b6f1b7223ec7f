"""Ends messages whose job has ended, or died, without a word to them."""

from django.db.models import QuerySet

from apps.email.models import Message, State
from apps.email.sending import hold
from apps.jobs import reading
from apps.jobs.states import FINISHED

LIMIT = 10_000


def settle(messages: QuerySet[Message]) -> dict[str, int]:
    """Those left in "sending" become unsure, those whose job ended before it sent become failed."""
    sending = messages.filter(state=State.SENDING).order_by("pk")[:LIMIT]
    queued = messages.filter(state=State.QUEUED).exclude(job_id="").order_by("pk")[:LIMIT]
    return {
        "unsure": sum(left_behind(message) for message in sending),
        "failed": sum(end(messages, view) for view in ended_jobs(queued)),
    }


def left_behind(message: Message) -> bool:
    with hold(message) as ours:
        return ours and message.move(State.UNSURE, error="the worker died while it was sending")


def ended_jobs(messages: QuerySet[Message]) -> list[reading.JobView]:
    ids = list(messages.values_list("job_id", flat=True))
    return reading.latest(len(ids), id__in=ids, state__in=FINISHED) if ids else []


def end(messages: QuerySet[Message], view: reading.JobView) -> bool:
    message = messages.filter(job_id=view.id, state=State.QUEUED).first()
    error = view.error or f"its job ended as {view.state}"
    return bool(message and message.move(State.FAILED, error=error))
