"""Keeps an embedded server up: the same process life as a child's, on the same port."""

import time
from collections.abc import Callable

from project.servers.server import STOP_SECONDS, Server, ServerError
from project.supervisor.backoff import Backoff


class Keeper:
    """`answers` is called each time the server begins to answer; `say` with what happens."""

    grace_seconds: float = STOP_SECONDS

    def __init__(self, server: Server, say: Callable[[str], None], answers: Callable[[Server], None]) -> None:
        self.server = server
        self._say, self._answers = say, answers
        self._backoff = Backoff()
        self._began = time.monotonic()
        self._due: float | None = None
        self._awaited = False
        self._stopping = False

    @property
    def name(self) -> str:
        return self.server.name

    @property
    def running(self) -> bool:
        return self.server.pid is not None

    def tick(self, now: float) -> None:
        if self._stopping:
            return
        if not self.running and self._due is None:
            self._after_end(f"{self.name} ended")
        if self._due is not None and now >= self._due:
            self._revive()
        if self._awaited and self.server.answers():
            self._awaited = False
            self._say(f"{self.name} answers again on port {self.server.port}")
            self._answers(self.server)

    def ask_to_stop(self) -> None:
        self._stopping = True
        self.server.ask_to_stop()

    def kill(self) -> None:
        """SIGKILL what is left of it, if anything."""
        self._stopping = True
        self.server.kill()

    def _after_end(self, what: str) -> None:
        self._awaited = False
        self.server.kill()
        pause = self._backoff.pause_seconds(time.monotonic() - self._began)
        self._due = time.monotonic() + pause
        self._say(f"{what}; starts again in {pause:g} s")

    def _revive(self) -> None:
        self._began, self._due = time.monotonic(), None
        try:
            self.server.launch()
            self._awaited = True
        except ServerError as error:
            self._after_end(str(error))
