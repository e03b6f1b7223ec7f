"""One `manage.py up` at a time for a folder: var/up.lock."""

import fcntl
import os
import time
from collections.abc import Callable
from pathlib import Path

from project.servers import processes

FILE = "up.lock"
WAIT_SECONDS = 60
POLL_SECONDS = 0.1
MODE = 0o600


class AlreadyRunningError(Exception):
    """Another run has the lock; its process id is `pid`."""

    def __init__(self, pid: int) -> None:
        super().__init__(f"already running (pid {pid})")
        self.pid = pid


def take(var_dir: Path, say: Callable[[str], None]) -> int:
    """The lock's descriptor; the lock ends when all copies of it are closed.

    The guardian has a copy, so after a killed run this waits until all of that run has ended.
    Raises AlreadyRunningError.
    """
    var_dir.mkdir(parents=True, exist_ok=True)
    handle = os.open(var_dir / FILE, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, MODE)
    try:
        _wait_for(handle, say)
    except BaseException:
        os.close(handle)
        raise
    os.ftruncate(handle, 0)
    os.pwrite(handle, f"{os.getpid()} {processes.started(os.getpid())}".encode(), 0)
    return handle


def _wait_for(handle: int, say: Callable[[str], None]) -> None:
    deadline, said = time.monotonic() + WAIT_SECONDS, False
    while not _try(handle):
        pid, start = _owner(handle)
        if processes.alive(pid, start) or time.monotonic() > deadline:
            raise AlreadyRunningError(pid)
        if not said:
            say(f"the last run (pid {pid}) was killed; waiting until its processes have ended")
            said = True
        time.sleep(POLL_SECONDS)


def _try(handle: int) -> bool:
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _owner(handle: int) -> tuple[int, str]:
    pid, _, start = os.pread(handle, 200, 0).decode(errors="replace").partition(" ")
    # Empty for the moment in which the owner writes it: then it is not dead.
    return (int(pid), start) if pid.isdigit() and start else (os.getpid(), _ourselves())


def _ourselves() -> str:
    return processes.started(os.getpid()) or ""
