"""The Python stack of a process, taken by its worker's main process.

Python's `faulthandler` writes it when a signal comes, into a file that the main process opened before its
pool forked; it does so also where the code never comes back to Python. Until then it costs nothing.
"""

import faulthandler
import linecache
import os
import re
import sys
import tempfile
import threading
import time
import traceback
from signal import SIGUSR2
from typing import IO, Any

from celery.signals import worker_process_init

WAIT_SECONDS = 2.0
POLL_SECONDS = 0.02
SETTLED = 3  # polls in which nothing more came
TEXT_MOST = 100_000
FRAME = re.compile(r'^(\s*File "(.+)", line (\d+) in .+)$', re.MULTILINE)

_files: list[IO[bytes]] = []
_one_by_one = threading.Lock()


def prepare() -> None:
    """In the main process, before its pool forks."""
    _files[:] = [tempfile.TemporaryFile(buffering=0)]  # noqa: SIM115 - it lives as long as the worker
    register()


@worker_process_init.connect(dispatch_uid="running.dumping")
def register(**_: Any) -> None:
    if _files:
        faulthandler.register(SIGUSR2, file=_files[0], all_threads=True)


def stack_of(pid: int) -> str:
    """Of this worker's process or of one of its pool; "" if it doesn't say. The main thread first.

    Raises ProcessLookupError.
    """
    if pid == os.getpid():
        return own_stacks()
    if not _files:
        return ""
    with _one_by_one:
        number = _files[0].fileno()  # its place in the file is shared with the process, too
        os.ftruncate(number, 0)
        os.lseek(number, 0, os.SEEK_SET)
        os.kill(pid, SIGUSR2)
        return in_order(settled(number))


def settled(number: int) -> str:
    deadline, size, same = time.monotonic() + WAIT_SECONDS, 0, 0
    while time.monotonic() < deadline and same < SETTLED:
        time.sleep(POLL_SECONDS)
        before, size = size, os.fstat(number).st_size
        same = same + 1 if size and size == before else 0
    return os.pread(number, TEXT_MOST, 0).decode(errors="replace")


def in_order(text: str) -> str:
    """The main thread is told last, and no line of code with it."""
    threads = [thread.strip("\n") for thread in text.split("\n\n") if thread.strip()]
    return FRAME.sub(with_code, "\n\n".join(reversed(threads)))


def with_code(found: re.Match[str]) -> str:
    code = linecache.getline(found[2], int(found[3])).strip()
    return f"{found[1]}\n    {code}" if code else found[1]


def own_stacks() -> str:
    """Of all threads of this process: of those pools that run jobs in it."""
    names = {thread.ident: thread.name for thread in threading.enumerate()}
    return "\n".join(
        f"Thread {names.get(ident, ident)} (most recent call last):\n{''.join(traceback.format_stack(frame))}"
        for ident, frame in sys._current_frames().items()  # noqa: SLF001 - the documented way
        if ident != threading.get_ident()
    )
