"""Signals as a fact to look at, rather than an interruption in the middle of something."""

import contextlib
import os
import signal
from types import FrameType, TracebackType
from typing import Any

STOPS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Signals:
    """While entered, counts the signals that ask us to stop. Main thread only."""

    def __init__(self) -> None:
        self.count = 0
        self._before: dict[signal.Signals, Any] = {}
        self._wakeup_before = -1
        self.handle, self._writer = -1, -1

    def __enter__(self) -> "Signals":
        # A signal writes into this pipe and so ends the wait in select().
        self.handle, self._writer = os.pipe()
        for end in (self.handle, self._writer):
            os.set_blocking(end, False)
        self._wakeup_before = signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in STOPS:
            # Under nohup a hang-up is ignored already, and stays so.
            if number != signal.SIGHUP or signal.getsignal(number) != signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._note)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._wakeup_before)
        os.close(self.handle)
        os.close(self._writer)

    def clear(self) -> None:
        """Empty the pipe, so that the next wait waits."""
        with contextlib.suppress(BlockingIOError):  # it is empty
            while os.read(self.handle, 4096):
                pass

    def _note(self, number: int, frame: FrameType | None) -> None:
        self.count += 1
