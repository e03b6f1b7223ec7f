"""Ask the guardian to end a process that we started, should we be killed.

One guardian per process, started at the first need. It closes by itself with its owner.
"""

import atexit
import os
import signal
import subprocess
import sys
import threading
from _thread import LockType
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
# Stands in for our package's own __init__, which loads Celery: the guardian starts in 20 ms.
PROGRAM = (
    "import sys, types; package = types.ModuleType('project');"
    f"package.__path__ = [{str(ROOT / 'project')!r}]; sys.modules['project'] = package;"
    "from project.servers.guardian import main; main()"
)
CHILDREN, SERVERS = 0, 1  # waves: what uses a server ends before the server


@dataclass
class Guard:
    keep_open: Sequence[int] = ()
    owner: int = field(default_factory=os.getpid)
    _watched: dict[int, str] = field(default_factory=dict)
    _process: "subprocess.Popen[str] | None" = None
    _lock: LockType = field(default_factory=threading.Lock)

    def watch(self, pid: int, number: signal.Signals, grace_seconds: float, wave: int) -> None:
        with self._lock:
            self._watched[pid] = f"watch {pid} {int(number)} {grace_seconds} {wave}\n"
            self._tell(self._watched[pid])

    def release(self, pid: int) -> None:
        with self._lock:
            if self._watched.pop(pid, None) is not None:
                self._tell(f"release {pid}\n")

    def close(self) -> None:
        """Let the guardian go; it first ends what is still watched."""
        with self._lock:
            process, self._process = self._process, None
        if process is not None and process.stdin is not None and os.getpid() == self.owner:
            process.stdin.close()
            process.wait()

    def _tell(self, line: str) -> None:
        try:
            self._write(line)
        except BrokenPipeError:  # somebody killed the guardian: a new one learns all of it
            self._process = None
            self._write("".join(self._watched.values()))

    def _write(self, text: str) -> None:
        if self._process is None:
            self._process = self._launch()
        if self._process.stdin is not None:
            self._process.stdin.write(text)
            self._process.stdin.flush()

    def _launch(self) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", PROGRAM],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
            start_new_session=True,  # Ctrl-C and a hang-up are not for the guardian
            pass_fds=self.keep_open,
        )


_lock = threading.Lock()
_guards: list[Guard] = []


def guard(keep_open: Sequence[int] = ()) -> Guard:
    """This process's guard. `keep_open`: descriptors its guardian holds until all has ended."""
    with _lock:
        if not _guards or _guards[-1].owner != os.getpid():
            _guards.append(Guard(keep_open))
            atexit.register(_guards[-1].close)
        return _guards[-1]
