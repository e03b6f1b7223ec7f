"""Django's SMTP backend, which also knows whether the server may hold the message already."""

import smtplib
from typing import Any

from django.core.mail.backends.smtp import EmailBackend


class Watched:
    """Over smtplib: `handed_over` is true once a whole message has left, whatever came back.

    Only the body of a mail is sent as bytes; every command is text. A body cut off on its way has no
    final dot, so the server throws it away.
    """

    handed_over = False

    def send(self, s: Any) -> None:
        super().send(s)  # type: ignore[misc]
        self.handed_over = self.handed_over or isinstance(s, bytes)


class WatchedSMTP(Watched, smtplib.SMTP):
    pass


class WatchedSMTPOverTLS(Watched, smtplib.SMTP_SSL):
    pass


class SmtpBackend(EmailBackend):
    @property
    def connection_class(self) -> type[smtplib.SMTP]:
        return WatchedSMTPOverTLS if self.use_ssl else WatchedSMTP

    @property
    def handed_over(self) -> bool:
        return bool(getattr(self.connection, "handed_over", False))
