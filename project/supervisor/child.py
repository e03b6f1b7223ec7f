"""What the supervisor is asked to keep running."""

import signal
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path


class Colour(IntEnum):
    """ANSI colours of the prefixes."""

    PLAIN = 0
    RED = 31
    GREEN = 32
    YELLOW = 33
    BLUE = 34
    MAGENTA = 35
    CYAN = 36
    WHITE = 37


@dataclass(frozen=True)
class Child:
    name: str
    argv: tuple[str, ...]
    env: Mapping[str, str] = field(default_factory=dict)  # over ours
    folder: Path | None = None  # to run in; None: ours
    colour: Colour = Colour.PLAIN
    stop_signal: signal.Signals = signal.SIGTERM
    grace_seconds: float = 10  # between the stop signal and SIGKILL
    essential: bool = True  # the start-up waits for it, and fails without it
    ready_text: str = ""  # in its output once it is at work; empty: at work when started
    early: bool = False  # needs no prepared database or broker to start
