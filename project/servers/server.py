"""The contract of a private server, and the life that all of them share."""

import contextlib
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from io import BufferedWriter
from pathlib import Path
from typing import ClassVar

from project.servers import processes
from project.servers.guarding import SERVERS, guard
from project.servers.ports import free_port, is_free

START_SECONDS = 90
STOP_SECONDS = 20
LAUNCHES = 5  # a port may be taken between our look and the server's own
LOG_LIMIT_BYTES = 5_000_000
TAIL_LINES = 15
FOLDER_MODE = 0o700


class ServerError(Exception):
    """A server cannot be started; the text says why and ends with its last words."""


@dataclass(frozen=True)
class Program:
    argv: Sequence[str]
    env: Mapping[str, str]


@dataclass(eq=False)
class Server(ABC):
    """A server with a folder and a port of its own on the loopback address.

    `port` is a wish until `start`, then the fact; it stays the same over stop, kill and restart.
    """

    folder: Path
    port: int | None = field(default=None, kw_only=True)
    _process: "subprocess.Popen[bytes] | None" = field(default=None, init=False, repr=False)
    _log_offset: int = field(default=0, init=False, repr=False)

    name: ClassVar[str]
    program_name: ClassVar[str]  # as the system lists it
    stop_signal: ClassVar[signal.Signals] = signal.SIGTERM
    port_taken: ClassVar[str]  # what the log says when another has the port

    def __post_init__(self) -> None:
        self.folder = Path(self.folder).absolute()

    @property
    @abstractmethod
    def url(self) -> str: ...

    @abstractmethod
    def prepare(self) -> None:
        """Make the folder ready for a start on `port`. Raises ServerError."""

    @abstractmethod
    def program(self) -> Program: ...

    @abstractmethod
    def answers(self) -> bool:
        """Whether this very process serves requests now."""

    @property
    def pid(self) -> int | None:
        """None while it does not run."""
        running = self._process is not None and self._process.poll() is None
        return self._process.pid if self._process is not None and running else None

    @property
    def working_folder(self) -> Path:
        return self.folder

    @property
    def log(self) -> Path:
        return self.folder / "server.log"

    def start(self) -> None:
        """Return when it answers, on the next free port if its own is taken. Raises ServerError."""
        if self.pid is not None:
            return
        for _ in range(LAUNCHES):
            self.port = free_port(self.port)
            if self._comes_up():
                return
        raise ServerError(self._complaint(f"found no free port in {LAUNCHES} tries"))

    def restart(self) -> None:
        """Stop it if it runs, start it on the same port. Raises ServerError."""
        self.stop()
        self.wait_for_port()
        if not self._comes_up():
            raise ServerError(self._complaint(f"lost its port {self.port} to another process"))

    def launch(self) -> None:
        """Begin a start on `port` without waiting for answers. Raises ServerError."""
        self.folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
        self._refuse_if_used()
        self.prepare()
        program = self.program()
        with self._open_log() as log:
            self._process = subprocess.Popen(
                program.argv,
                env=program.env,
                cwd=self.working_folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C in the terminal is not for the server
            )
        guard().watch(self._process.pid, self.stop_signal, STOP_SECONDS, SERVERS)

    def stop(self) -> None:
        """End it: gracefully, and after STOP_SECONDS by force. Any number of times."""
        self.ask_to_stop()
        if self._process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._process.wait(STOP_SECONDS)
        self.kill()

    def ask_to_stop(self) -> None:
        """Send the signal of a graceful stop and return at once."""
        if self.pid is not None:
            processes.send([self.pid], self.stop_signal)
            self.thaw()

    def kill(self) -> None:
        """SIGKILL it and all its processes."""
        if self._process is None:
            return
        if self.pid is not None:
            processes.kill_family(self.pid)
        self._process.wait()
        guard().release(self._process.pid)
        self._process = None
        self.end_orphans()

    def end_orphans(self) -> None:
        """SIGKILL what the main process left behind, if anything."""
        orphans = self.using_folder()
        processes.send(orphans, signal.SIGKILL)
        processes.wait_gone(orphans, STOP_SECONDS)

    def freeze(self) -> None:
        """SIGSTOP to all its processes: it is there and does not answer."""
        if self.pid is not None:
            processes.send(processes.family(self.pid), signal.SIGSTOP)

    def thaw(self) -> None:
        if self.pid is not None:
            processes.send(processes.family(self.pid), signal.SIGCONT)

    def end_leftovers(self, known: int | None = None) -> list[int]:
        """End what an earlier, killed run of ours left in this folder; returns the process ids.

        Only for a caller who knows that no other run is using the folder. `known`: a process id
        that the caller remembers as this server's, for systems where we can't look for it.
        """
        found = self.using_folder() if self.pid is None else []
        leftovers = found or ([known] if known is not None else [])
        processes.send(leftovers[:1], self.stop_signal)
        processes.send(leftovers, signal.SIGCONT)
        if not processes.wait_gone(leftovers, STOP_SECONDS):
            processes.send(leftovers, signal.SIGKILL)
            processes.wait_gone(leftovers, STOP_SECONDS)
        return leftovers

    def using_folder(self) -> list[int]:
        """Process ids of this program at work in this folder, its main process first."""
        return processes.working_in(self.working_folder.resolve(), self.program_name)

    def tail(self) -> str:
        """The last lines that it logged since its latest launch."""
        try:
            with self.log.open("rb") as log:
                log.seek(self._log_offset)
                lines = log.read().decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(lines[-TAIL_LINES:])

    def wait_for_port(self, seconds: float = STOP_SECONDS) -> None:
        """Give a server that has just ended a moment to let go of its port."""
        deadline = time.monotonic() + seconds
        while self.port is not None and not is_free(self.port) and time.monotonic() < deadline:
            time.sleep(processes.POLL_SECONDS)

    def _comes_up(self) -> bool:
        """False when another process has the port."""
        self.launch()
        deadline = time.monotonic() + START_SECONDS
        while not self.answers():
            if self.pid is None:
                return self._explain_end()
            if time.monotonic() > deadline:
                self.kill()
                raise ServerError(self._complaint(f"gave no answer in {START_SECONDS} s"))
            time.sleep(processes.POLL_SECONDS)
        return True

    def _explain_end(self) -> bool:
        code = self._process.returncode if self._process is not None else None
        self.kill()
        if self.port_taken in self.tail():
            return False
        raise ServerError(self._complaint(f"ended at once with exit code {code}"))

    def _refuse_if_used(self) -> None:
        if using := self.using_folder():
            raise ServerError(
                f"{self.name} already runs in {self.folder} with process id {using[0]}. "
                f"Stop it first (kill {using[0]})."
            )

    def _open_log(self) -> BufferedWriter:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT_BYTES:
            self.log.replace(self.log.with_suffix(".old.log"))
        log = self.log.open("ab")
        self._log_offset = log.tell()
        return log

    def _complaint(self, what: str) -> str:
        return f"{self.name} {what}. The end of {self.log}:\n{self.tail()}"
