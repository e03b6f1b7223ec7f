"""Runs children and embedded servers side by side, and ends all of them.

One thread and one loop: nothing here blocks, and a signal is looked at between two turns.
"""

import select
import time
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Protocol

from project.servers.server import Server
from project.supervisor.child import Child, Colour
from project.supervisor.keeper import Keeper
from project.supervisor.output import Output
from project.supervisor.process import Process, Sink
from project.supervisor.signals import Signals

TURN_SECONDS = 0.1
OURSELVES = "up"


class Stopped(Exception):
    """A signal asked us to stop, or nobody can read our output any more."""


class Member(Protocol):
    @property
    def running(self) -> bool: ...
    @property
    def grace_seconds(self) -> float: ...
    def tick(self, now: float) -> None: ...
    def ask_to_stop(self) -> None: ...
    def kill(self) -> None: ...


class Supervisor:
    """On leaving its context all has ended: first the children, then the servers."""

    def __init__(self, output: Output) -> None:
        self.output = output
        self.processes: list[Process] = []
        self.keepers: list[Keeper] = []
        self._signals = Signals()

    def __enter__(self) -> "Supervisor":
        self._signals.__enter__()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        finally:
            self._signals.__exit__(kind, error, trace)

    def say(self, text: str) -> None:
        self.output.line(OURSELVES, text, Colour.YELLOW)

    def keep(self, child: Child) -> Process:
        """Start the child, and again whenever it ends."""

        def sink(line: str) -> None:
            self.output.line(child.name, line, child.colour)

        process = Process(child, sink, self.say)
        self.processes.append(process)
        process.start()
        return process

    def keep_server(self, server: Server, answers: Callable[[Server], None]) -> None:
        """Start a running server again whenever it ends; `answers` is called after that."""
        self.keepers.append(Keeper(server, self.say, answers))

    def run(self, child: Child, sink: Sink) -> int:
        """Run the child to its end beside the others; its exit code. Raises Stopped."""
        process = Process(child, sink)
        self.processes.append(process)
        process.start()
        self.until(lambda: not process.running)
        self.processes.remove(process)
        return process.code or 0

    def until(self, condition: Callable[[], bool], seconds: float | None = None) -> bool:
        """Let everything run until the condition holds; False when time is over. Raises Stopped."""
        deadline = None if seconds is None else time.monotonic() + seconds
        while True:
            self.heed_signals()
            if condition():
                return True
            if deadline is not None and time.monotonic() > deadline:
                return False
            self._turn()

    def heed_signals(self) -> None:
        """Raises Stopped if it is time to stop."""
        if self._signals.count or self.output.closed:
            raise Stopped

    def run_for_ever(self) -> None:
        """Raises Stopped in the end."""
        self.until(lambda: False)

    def stop(self) -> None:
        """End everything; a second signal ends it at once."""
        if self.processes or self.keepers:
            self.say("stopping")
        signals = self._signals.count
        for wave in (self.processes, self.keepers):
            self._end(list(reversed(wave)), max(signals, 1))
        self.output.flush()

    def _end(self, members: Sequence[Member], signals: int) -> None:
        for member in members:
            member.ask_to_stop()
        began = time.monotonic()
        while running := [member for member in members if member.running]:
            lived = time.monotonic() - began
            for member in running:
                if lived > member.grace_seconds or self._signals.count > signals:
                    member.kill()
            if self.output.full:  # nobody reads, and a process that can't write can't end well
                self.output.close()
            self._turn()
        for member in members:
            member.kill()  # what a member's own end left behind

    def _turn(self) -> None:
        self._wait()
        self._signals.clear()
        self.output.write()
        if not self.output.full:
            for process in self.processes:
                process.read()
        now = time.monotonic()
        members: list[Member] = [*self.processes, *self.keepers]
        for member in members:
            member.tick(now)

    def _wait(self) -> None:
        """Until something is to be read or can be written, or a turn's time is over."""
        children = [process.handle for process in self.processes if not self.output.full]
        readers = [self._signals.handle, *(handle for handle in children if handle is not None)]
        writers = [self.output.handle] if self.output.waiting else []
        select.select(readers, writers, [], TURN_SECONDS)
