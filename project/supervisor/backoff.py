"""How long to wait before a crashed process is started again."""

from dataclasses import dataclass

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
HEALTHY_SECONDS = 30.0


@dataclass
class Backoff:
    """Doubles with each crash; forgets the past once a process has lived HEALTHY_SECONDS."""

    _next: float = FIRST_SECONDS

    def pause_seconds(self, lived_seconds: float) -> float:
        pause = FIRST_SECONDS if lived_seconds >= HEALTHY_SECONDS else self._next
        self._next = min(pause * 2, LONGEST_SECONDS)
        return pause
