"""Handing a mail to the mail server, and judging what it means when that fails.

TemporaryError   the server said "later", or never had the whole message
PermanentError   the server said no
└── Unsure       the server had the whole message and never said whether it took it
"""

import logging
import smtplib
import ssl
from typing import Any

from django.core.mail import EmailMultiAlternatives, get_connection
from django.utils.encoding import force_bytes

from apps.email.models import Message
from apps.jobs.errors import PermanentError, TemporaryError

logger = logging.getLogger(__name__)

FOR_EVER = (smtplib.SMTPNotSupportedError, ssl.SSLCertVerificationError)


class Unsure(PermanentError):
    """Sending again might send twice, so a person must decide."""


def deliver(message: Message) -> str:
    """The name of the .eml file, or "" where the mail went to a server. Raises the errors above."""
    connection = get_connection()
    try:
        connection.open()
        taken = connection.send_messages([mail(message)])
    except Exception as error:
        raise judged(error, handed_over=bool(getattr(connection, "handed_over", True))) from error
    finally:
        close(connection)
    if not taken:
        raise PermanentError(f"{type(connection).__name__} took no message")
    return str(next(iter(getattr(connection, "written", [])), ""))


def mail(message: Message) -> EmailMultiAlternatives:
    only_html = bool(message.html and not message.text)
    made = EmailMultiAlternatives(
        message.subject,
        message.html if only_html else message.text,
        to=[message.to],
        reply_to=[message.reply_to] if message.reply_to else None,
        headers={"Message-ID": message.message_id},
    )
    if only_html:
        made.content_subtype = "html"
    elif message.html:
        made.attach_alternative(message.html, "text/html")
    return made


def judged(error: Exception, *, handed_over: bool) -> Exception:
    """What to raise instead. An error that isn't the connection's stays itself: it is a bug of ours."""
    code, words = answer(error)
    if code:
        kind = TemporaryError if code < 500 else PermanentError  # noqa: PLR2004 - SMTP's own
        return kind(f"the mail server answered {code} {words}")
    if handed_over:
        return Unsure(f"the mail server had the whole message and did not confirm it: {error}")
    if isinstance(error, FOR_EVER):
        return PermanentError(f"the mail server can't be used as configured: {error}")
    if isinstance(error, OSError):  # smtplib's own errors are OSErrors, too
        return TemporaryError(f"the mail could not be handed over: {error or type(error).__name__}")
    return error


def answer(error: Exception) -> tuple[int, str]:
    """The refusal that the server gave; 0 where it gave none that means one."""
    if isinstance(error, smtplib.SMTPRecipientsRefused):
        ((code, words),) = error.recipients.values()
    elif isinstance(error, smtplib.SMTPResponseException):
        code, words = error.smtp_code, force_bytes(error.smtp_error)
    else:
        return 0, ""
    text = words.decode(errors="replace")
    return (code, text) if 400 <= code <= 599 else (0, "")  # noqa: PLR2004 - SMTP's refusals


def close(connection: Any) -> None:
    """Says goodbye. A server that fails only now has answered already, so nothing changes."""
    try:
        connection.close()
    except OSError:
        logger.warning("the mail server did not say goodbye", exc_info=True)
