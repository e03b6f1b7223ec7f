from typing import Any

from celery import shared_task

from apps.email.addresses import Address
from apps.email.mailing import enter_for_job, find, send_to_all
from apps.email.models import Message
from apps.email.recipients import Recipients
from apps.email.sending import send
from apps.email.settling import settle
from apps.email.texts import Body, Context, Key, Subject, TemplateName
from apps.email.writing import Draft
from apps.jobs.progress import current_job_id


@shared_task
def send_email_task(  # noqa: PLR0913 - a task's parameters are its message
    to_email: Address, subject: Subject = "", content: Body = "", *, html: Body = "",
    reply_to: Address | None = None, template: TemplateName = "",
    context: Context | None = None, idempotency_key: Key | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Sends one mail, once.

    to_email: one address, such as ann@example.com or Ann Lee <ann@example.com>.
    subject, content, html: the words of the mail; or instead of them
    template, context: the name of a stored mail template and a value for each of its names.
    reply_to: where answers shall go, if not to the sender.
    idempotency_key: two jobs with the same key send one mail; without it, each job sends its own.
    """
    draft = Draft(to_email, subject, content, html, reply_to or "", template, context or {})
    return send(draft, idempotency_key or current_job_id())


@shared_task
def send_bulk_email_task(  # noqa: PLR0913 - a task's parameters are its message
    recipients: Recipients | None = None, subject: Subject = "", content: Body = "",
    template: TemplateName = "", *, html: Body = "", reply_to: Address | None = None,
    mailing_id: int | None = None,
) -> dict[str, Any]:  # fmt: skip
    """Sends a mail to each of up to 10,000 people, and reports how many went out.

    recipients: a list of addresses, or of {"to_email": "ann@example.com", "context": {"name": "Ann"}}.
    subject, content, html: the words of the mail; or instead of them
    template: the name of a stored mail template, filled with each recipient's own context.
    reply_to: where answers shall go, if not to the sender.
    mailing_id: the number of a mailing that was stored before, instead of all of these.
    """
    if mailing_id is not None:
        return send_to_all(find(mailing_id))
    draft = Draft("", subject, content, html, reply_to or "", template)
    return send_to_all(enter_for_job(draft, recipients))


@shared_task
def settle_messages_task() -> dict[str, Any]:
    """Marks mail whose worker died as unsure, and mail whose job ended too early as failed."""
    return {"status": "success", **settle(Message.objects.all())}
