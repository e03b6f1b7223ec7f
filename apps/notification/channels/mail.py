"""A mail to the recipient, or to fixed addresses; the email family sends it."""

import hashlib
from typing import Annotated, ClassVar

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from pydantic import AfterValidator, Field

from apps.jobs import submit_many
from apps.notification.channel import Answer, ChannelKind, Config, Recipient
from apps.notification.models import Delivery, Notification
from apps.notification.wording import absolute

SEND_EMAIL = "apps.email.tasks.send_email_task"
ADDRESSES_MAX = 20


def mail_address(text: str) -> str:
    try:
        validate_email(text)
    except ValidationError:
        raise ValueError(f"expected a mail address, got {text!r}") from None
    return text


class MailConfig(Config):
    """`to`: mails go to these addresses instead of the recipient's own."""

    to: Annotated[
        tuple[Annotated[str, AfterValidator(mail_address)], ...], Field(max_length=ADDRESSES_MAX)
    ] = ()


class Mail(ChannelKind[MailConfig]):
    name = "mail"
    title = gettext_lazy("Mail")
    example: ClassVar = {"to": ["team@example.com"]}
    schema = MailConfig

    def describe(self, config: MailConfig) -> str:
        return ", ".join(config.to) or _("the recipient's mail address")

    def reaches(self, recipient: Recipient, config: MailConfig) -> bool:
        return bool(config.to or recipient.email)

    def send(self, delivery: Delivery, recipient: Recipient, config: MailConfig) -> Answer:
        """Hands one mail for each address to the email family, whose rows say what became of them.

        The key of each mail is derived from the delivery, so that a second attempt sends none twice.
        """
        notice = delivery.notification
        text = content(notice)
        calls = [
            {
                "to_email": address,
                "subject": notice.title,
                "content": text,
                "idempotency_key": f"notification:{delivery.uid}:{digest(address)}",
            }
            for address in config.to or (recipient.email,)
        ]
        jobs = submit_many(SEND_EMAIL, calls)
        return Answer(text=_("mail jobs: %s") % ", ".join(job.id for job in jobs))


def digest(address: str) -> str:
    return hashlib.sha256(address.encode()).hexdigest()[:16]


def content(notice: Notification) -> str:
    """The mail's text."""
    about = _("Severity: %(severity)s. For: %(recipient)s.") % {
        "severity": notice.get_severity_display(),
        "recipient": notice.recipient,
    }
    return "\n\n".join(part for part in (notice.message, absolute(notice.url), about) if part)
