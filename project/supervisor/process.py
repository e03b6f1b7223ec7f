"""One child at work: its output, its crashes and its end."""

import os
import signal
import subprocess
import time
from collections.abc import Callable

from project.servers import processes
from project.servers.guarding import CHILDREN, guard
from project.supervisor.backoff import Backoff
from project.supervisor.child import Child
from project.supervisor.lines import Lines

READ_BYTES = 65_536
READS_AT_ONCE = 16  # one talkative child must not keep the others waiting
READS_AT_END = 1_000

Sink = Callable[[str], None]


class Process:
    """Runs a child in a session of its own, so that Ctrl-C in the terminal reaches us alone.

    `sink` takes its lines, `say` what there is to tell about it. With `say` None it runs once
    and is not started again.
    """

    def __init__(self, child: Child, sink: Sink, say: Sink | None = None) -> None:
        self.child = child
        self.code: int | None = None  # of the last run that ended
        self.crashes = 0
        self.ready = False
        self._sink, self._say = sink, say
        self._backoff, self._lines = Backoff(), Lines()
        self._popen: subprocess.Popen[bytes] | None = None
        self._began = 0.0
        self._due: float | None = None
        self._stopping = False

    @property
    def name(self) -> str:
        return self.child.name

    @property
    def grace_seconds(self) -> float:
        return self.child.grace_seconds

    @property
    def running(self) -> bool:
        return self._popen is not None

    @property
    def pid(self) -> int | None:
        return self._popen.pid if self._popen is not None else None

    @property
    def lived_seconds(self) -> float:
        return time.monotonic() - self._began if self.running else 0.0

    @property
    def handle(self) -> int | None:
        """The descriptor of its output."""
        return self._popen.stdout.fileno() if self._popen and self._popen.stdout else None

    def start(self) -> None:
        self._began, self._due, self.ready = time.monotonic(), None, not self.child.ready_text
        try:
            self._popen = self._launch()
        except OSError as error:
            self.ready = False
            self._sink(f"{self.child.argv[0]} can't be started: {error.strerror}")
            self._after_end(127)

    def read(self, times: int = READS_AT_ONCE) -> None:
        """Pass on what it has written so far."""
        for _ in range(times):
            try:
                data = os.read(self.handle, READ_BYTES) if self.handle is not None else b""
            except BlockingIOError:
                return
            if not data:
                self._close_output()
                return
            for line in self._lines.feed(data):
                self._pass_on(line)

    def tick(self, now: float) -> None:
        """Notice its end; start it again when it is time."""
        if self._popen is not None and (code := self._popen.poll()) is not None:
            self._clear_away(self._popen)
            self._after_end(code)
        if self._due is not None and now >= self._due and not self._stopping:
            self.start()

    def ask_to_stop(self) -> None:
        """Send the stop signal; it will not be started again."""
        self._stopping, self._due = True, None
        if self._popen is not None:
            processes.send([self._popen.pid], self.child.stop_signal)
            processes.send([self._popen.pid], signal.SIGCONT)

    def kill(self) -> None:
        """SIGKILL it, what descends from it, and the rest of its group."""
        self._stopping, self._due = True, None
        if self._popen is not None:
            processes.kill_family(self._popen.pid)
            self._popen.wait()
            self.tick(time.monotonic())

    def _launch(self) -> "subprocess.Popen[bytes]":
        popen = subprocess.Popen(
            self.child.argv,
            env={**os.environ, "PYTHONUNBUFFERED": "1", **self.child.env},
            cwd=self.child.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        guard().watch(popen.pid, self.child.stop_signal, self.grace_seconds, CHILDREN)
        if popen.stdout is not None:
            os.set_blocking(popen.stdout.fileno(), False)
        return popen

    def _pass_on(self, line: str) -> None:
        self.ready = self.ready or self.child.ready_text in line
        self._sink(line)

    def _clear_away(self, popen: "subprocess.Popen[bytes]") -> None:
        # Its children would go on alone, beside those of the next start.
        processes.send_group(popen.pid, signal.SIGKILL)
        guard().release(popen.pid)
        self.read(READS_AT_END)
        self._close_output()
        self._popen = None

    def _close_output(self) -> None:
        for line in self._lines.rest():
            self._pass_on(line)
        if self._popen is not None and self._popen.stdout is not None:
            self._popen.stdout.close()
            self._popen.stdout = None

    def _after_end(self, code: int) -> None:
        self.code, self.ready = code, False
        if self._stopping or self._say is None:
            return
        self.crashes += 1
        pause = self._backoff.pause_seconds(time.monotonic() - self._began)
        self._due = time.monotonic() + pause
        self._say(f"{self.name} {describe_end(code)}; starts again in {pause:g} s")


def describe_end(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
