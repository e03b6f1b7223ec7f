"""A real mail server in the test's own process, which can be told how to behave."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

Answer = str | Callable[[SMTP], Awaitable[str]]


class Postbox:
    """aiosmtpd's handler. `answers` maps MAIL, RCPT or DATA to what to say, or to a coroutine.

    `strangers` are recipients it doesn't know.
    """

    def __init__(self) -> None:
        self.envelopes: list[Envelope] = []
        self.answers: dict[str, Answer] = {}
        self.strangers: set[str] = set()

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's names
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        envelope.mail_from = address
        return await self.answer("MAIL", server)

    async def handle_RCPT(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address in self.strangers:
            return "550 no such person"
        envelope.rcpt_tos.append(address)
        return await self.answer("RCPT", server)

    async def handle_DATA(  # noqa: N802
        self, server: SMTP, session: Session, envelope: Envelope
    ) -> str:
        self.envelopes.append(envelope)
        return await self.answer("DATA", server)

    async def answer(self, verb: str, server: SMTP) -> str:
        given = self.answers.get(verb, "250 OK")
        return given if isinstance(given, str) else await given(server)


async def hang_up(server: SMTP) -> str:
    assert isinstance(server.transport, asyncio.Transport)
    server.transport.abort()
    return "250 never heard"


async def stall(server: SMTP) -> str:
    await asyncio.Event().wait()
    return "250 never said"


class MailServer(Controller):
    """Listens on a free port of its own."""

    def __init__(self) -> None:
        super().__init__(Postbox(), hostname="127.0.0.1", port=0)

    @property
    def postbox(self) -> Postbox:
        handler: Any = self.handler
        assert isinstance(handler, Postbox)
        return handler

    def _trigger_server(self) -> None:
        """The port is known once it listens, which is before aiosmtpd tries it out."""
        assert isinstance(self.server, asyncio.Server)
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()  # type: ignore[no-untyped-call]
