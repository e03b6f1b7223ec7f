"""Whether each duty still comes round, told in a file that a health check reads."""

import threading
import time
from collections.abc import Callable, Mapping
from pathlib import Path

WRITE_SECONDS = 2.0
STUCK_SECONDS = 60.0  # longer than a duty waits for any server in one round


class Lap(threading.Event):
    """The event `stop`, as one duty sees it: it notes when the duty last looked at it."""

    def __init__(self, stop: threading.Event, now: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self.stop, self.now = stop, now
        self.looked_at = now()
        self.rests = False

    def is_set(self) -> bool:
        self.looked_at = self.now()
        return self.stop.is_set()

    def set(self) -> None:
        self.stop.set()

    def wait(self, timeout: float | None = None) -> bool:
        self.rests = timeout is None  # it has nothing to do until the end
        found = self.stop.wait(timeout)
        self.looked_at, self.rests = self.now(), False
        return found

    @property
    def stuck(self) -> bool:
        return not self.rests and self.now() - self.looked_at > STUCK_SECONDS


class Pulse(threading.Thread):
    """Writes the names of the duties that are stuck, none as a rule, into the file every two seconds."""

    def __init__(self, path: Path, laps: Mapping[str, Lap], stop: threading.Event) -> None:
        super().__init__(name="pulse", daemon=True)
        self.path, self.laps, self.stop = path, laps, stop

    def run(self) -> None:
        while not self.stop.is_set():
            self.write()
            self.stop.wait(WRITE_SECONDS)

    def write(self) -> None:
        names = sorted(name for name, lap in self.laps.items() if lap.stuck)
        fresh = self.path.with_name(f"{self.path.name}.new")
        fresh.write_text(" ".join(names), encoding="utf-8")
        fresh.replace(self.path)
