"""What people see: every process's lines on one descriptor, each with its prefix.

Writing never blocks: a reader who stops reading must not keep us from stopping our processes.
"""

import os
import select
import time

from project.supervisor.child import Colour

PIECE_BYTES = 4096  # a pipe that select() calls writable takes at least this much at once
FULL_BYTES = 262_144
FLUSH_SECONDS = 2.0


class Output:
    def __init__(self, handle: int, *, colour: bool = False, width: int = 0) -> None:
        """`width`: characters of the longest name, so that the texts stand in one column."""
        self.handle = handle
        self.closed = False  # nobody can read it any more
        self._colour = colour
        self._width = width
        self._pending = bytearray()

    @property
    def waiting(self) -> bool:
        """Some text is still to be written."""
        return bool(self._pending)

    @property
    def full(self) -> bool:
        """Let the processes wait with theirs."""
        return len(self._pending) > FULL_BYTES

    def line(self, name: str, text: str, colour: Colour = Colour.PLAIN) -> None:
        prefix = f"{name:<{self._width}} |"
        if self._colour and colour:
            prefix = f"\x1b[{int(colour)}m{prefix}\x1b[0m"
        self.plain(f"{prefix} {text}")

    def plain(self, text: str) -> None:
        """A line without a prefix."""
        if not self.closed:
            self._pending += f"{text}\n".encode(errors="replace")
            self.write()

    def write(self) -> None:
        """Write what can be written now."""
        while self._pending and self._writable(0):
            try:
                written = os.write(self.handle, self._pending[:PIECE_BYTES])
            except OSError:  # the pipe's reader or the terminal is gone
                self.close()
                return
            del self._pending[:written]

    def flush(self, seconds: float = FLUSH_SECONDS) -> None:
        """Write the rest, as far as somebody takes it within the time."""
        deadline = time.monotonic() + seconds
        while self._pending and self._writable(max(0.0, deadline - time.monotonic())):
            self.write()

    def close(self) -> None:
        self.closed = True
        self._pending.clear()

    def _writable(self, seconds: float) -> bool:
        return bool(select.select([], [self.handle], [], seconds)[1])
