"""How long a job has its key, and what a newer one with the same key does to it."""

from dataclasses import dataclass
from datetime import datetime, timedelta

UNTIL_FINISHED, WHILE_WAITING, LATEST = WAYS = ("until_finished", "while_waiting", "latest")
FOR_PERIOD, DEBOUNCE = "for_period", "debounce"
FREE_AT_START = frozenset({WHILE_WAITING, LATEST, DEBOUNCE})


@dataclass(frozen=True)
class Rule:
    """`kind` is one of WAYS, FOR_PERIOD or DEBOUNCE."""

    kind: str = UNTIL_FINISHED
    period: timedelta | None = None
    debounce: timedelta | None = None
    at_most: timedelta | None = None

    @property
    def frees_at_start(self) -> bool:
        return self.kind in FREE_AT_START

    @property
    def replaces(self) -> bool:
        return self.kind in {LATEST, DEBOUNCE}

    def start(self, first: datetime, now: datetime) -> datetime:
        """When a debounced job may start that was first asked for then, and again now."""
        quiet = now + (self.debounce or timedelta(0))
        return quiet if self.at_most is None else max(now, min(quiet, first + self.at_most))
