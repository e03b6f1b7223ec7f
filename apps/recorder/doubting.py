"""What looks wrong is acted on only when it has looked wrong for long enough, in every look since."""

import time
from collections.abc import Callable, Hashable, Iterable
from dataclasses import dataclass
from typing import TypeVar

LOOKS_LEAST = 3  # a pause of this process makes time pass without a look

Key = TypeVar("Key", bound=Hashable)


@dataclass
class Doubt:
    since: float
    looks: int = 0


class Doubts:
    """Doubts by topic. `now` is a clock in seconds that never goes back."""

    def __init__(self, now: Callable[[], float] = time.monotonic) -> None:
        self.now = now
        self.topics: dict[str, dict[Hashable, Doubt]] = {}

    def ripe(self, topic: str, keys: Iterable[Key], seconds: float) -> list[Key]:
        """The topic's doubts are now these keys; returns those that have stood for so long.

        A key that isn't named is dispelled: should it come again, its time begins anew.
        """
        known, now = self.topics.get(topic, {}), self.now()
        current: dict[Key, Doubt] = {key: known.get(key) or Doubt(now) for key in keys}
        for doubt in current.values():
            doubt.looks += 1
        self.topics[topic] = {key: current[key] for key in current}
        return [
            key
            for key, doubt in current.items()
            if doubt.looks >= LOOKS_LEAST and now - doubt.since >= seconds
        ]

    def dispel(self, topic: str) -> None:
        self.topics.pop(topic, None)

    def keep(self, prefix: str, names: Iterable[str]) -> None:
        """Dispels every topic that begins so, but for those of the names."""
        kept = {f"{prefix}{name}" for name in names}
        for topic in [topic for topic in self.topics if topic.startswith(prefix)]:
            if topic not in kept:
                self.dispel(topic)

    def clear(self) -> None:
        self.topics.clear()
