"""What a recorder does, each duty in a thread of its own with its own connections."""

import logging
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from django.db import connection
from django.utils.module_loading import import_string

from apps.jobs.duties import STANDING
from apps.recorder.keeping import Keeping
from apps.recorder.pulse import Lap
from apps.recorder.recording import Recording
from apps.recorder.relaying import Relaying
from apps.recorder.rounds import Rounds
from apps.recorder.sweeping import Sweeping

logger = logging.getLogger(__name__)

AGAIN_SECONDS = 2.0
STOP_SECONDS = 10.0


class Duty(Protocol):
    """Works until the event it was made with is set. What `run` raises is logged, and it begins anew."""

    def run(self) -> None: ...


DUTIES: dict[str, Callable[[threading.Event], Duty]] = {
    "record": Recording,
    "relay": Relaying,
    "keep": Keeping,
    "sweep": Sweeping,
    "watch": Rounds,
}
FIGURES = {"record": "recorded", "relay": "relayed", "keep": "kept", "sweep": "mended", "watch": "rounds"}


class Crew:
    """The threads of one recorder."""

    def __init__(self, names: Sequence[str], stop: threading.Event) -> None:
        self.names, self.stop = list(names), stop
        self.laps = {name: Lap(stop) for name in names}
        self.duties = {name: known()[name](lap) for name, lap in self.laps.items()}
        self.threads = [
            threading.Thread(target=self.work, args=(name, duty), name=name, daemon=True)
            for name, duty in self.duties.items()
        ]

    def start(self) -> None:
        for thread in self.threads:
            thread.start()

    def work(self, name: str, duty: Duty) -> None:
        while not self.stop.is_set():
            try:
                duty.run()
            except Exception:  # the one place: a duty that failed must not end the others
                logger.exception("the duty %s failed and begins anew", name)
                self.stop.wait(AGAIN_SECONDS)
            finally:
                connection.close()

    def wait(self) -> None:
        """Until `stop` is set and every duty has put its work down, which takes a moment at most."""
        self.stop.wait()
        for thread in self.threads:
            thread.join(STOP_SECONDS)

    def figures(self) -> dict[str, Any]:
        shown = {name: FIGURES.get(name, name) for name in self.duties}
        return {figure: getattr(self.duties[name], figure, 0) for name, figure in shown.items()}


def known() -> dict[str, Callable[[threading.Event], Duty]]:
    """Our own, and those that other apps have. A wrong name ends the recorder when it starts."""
    return {**DUTIES, **{name: import_string(work) for name, work in STANDING.items()}}
