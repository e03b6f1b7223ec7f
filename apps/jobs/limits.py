"""Limits that a task declares: `@shared_task(limits=[Rate(100, per_seconds=1), Concurrency(4)])`.

`key` names arguments: each of their values has a limit of its own. `name` lets several tasks share one
limit. `share` names arguments whose values take turns in waiting for it, so that none holds up the rest.
What people set in the admin replaces declared limits of the same kind.
"""

from dataclasses import dataclass, field
from typing import ClassVar

NAME_LENGTH = 100
SECONDS_MOST = 31 * 86_400
NUMBER_MOST = 1_000_000


@dataclass(frozen=True, kw_only=True)
class Limit:
    """Raises ValueError, which names the field and what was expected."""

    kind: ClassVar[str]
    key: tuple[str, ...] = ()
    share: tuple[str, ...] = ()
    name: str = ""

    def __post_init__(self) -> None:
        for field_name in ("key", "share"):
            value = getattr(self, field_name)
            if not isinstance(value, tuple) or not all(isinstance(word, str) and word for word in value):
                raise ValueError(f"{field_name}: expected a tuple of names of arguments, got {value!r}")
        if not isinstance(self.name, str) or len(self.name) > NAME_LENGTH:
            raise ValueError(f"name: expected a text of at most {NAME_LENGTH} characters")

    def numbers(self) -> tuple[float, float]:
        """What the gate's script goes by. Times are milliseconds."""
        raise NotImplementedError

    def check(self, name: str, lowest: float, highest: float) -> None:
        value = getattr(self, name)
        if isinstance(value, bool) or not isinstance(value, int | float) or not lowest <= value <= highest:
            raise ValueError(f"{name}: expected a number from {lowest:g} to {highest:g}, got {value!r}")


@dataclass(frozen=True)
class Rate(Limit):
    """At most `limit` starts in `per_seconds` on the long run; up to `burst` of them at once.

    `burst` is `limit` unless given. A token bucket, kept as the time at which it will be full again (the
    "generic cell rate algorithm" of ATM networks).
    """

    kind: ClassVar[str] = "rate"
    limit: int = field(kw_only=False)
    per_seconds: float = 1.0
    burst: int = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check("limit", 1, NUMBER_MOST)
        self.check("per_seconds", 0.001, SECONDS_MOST)
        self.check("burst", 0, NUMBER_MOST)

    def numbers(self) -> tuple[float, float]:
        interval = self.per_seconds * 1000 / self.limit
        return interval, interval * ((self.burst or self.limit) - 1)

    def __str__(self) -> str:
        return f"{self.limit} in {self.per_seconds:g} s"


@dataclass(frozen=True)
class Concurrency(Limit):
    """At most `limit` run at once. A place that its job doesn't give back is free after `lease_seconds`:
    the process renews it while the job runs, so only a killed or frozen one lets it lapse.
    """

    kind: ClassVar[str] = "concurrency"
    limit: int = field(kw_only=False)
    lease_seconds: float = 30.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check("limit", 1, NUMBER_MOST)
        self.check("lease_seconds", 1, 86_400)

    def numbers(self) -> tuple[float, float]:
        return self.limit, self.lease_seconds * 1000

    def __str__(self) -> str:
        return f"{self.limit} at once"


@dataclass(frozen=True)
class InOrder(Limit):
    """Jobs run one at a time in the order in which they were submitted: the next one begins when the one
    before has ended for good, its further tries included.

    The place of a plain `.delay()`, of a delayed job and of a chain's later step is that of its arrival.
    """

    kind: ClassVar[str] = "order"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.share:
            raise ValueError(f"share: expected none, for nobody takes turns in an order, got {self.share!r}")

    def numbers(self) -> tuple[float, float]:
        return 0, 0

    def __str__(self) -> str:
        return "one at a time, in order"


@dataclass(frozen=True)
class Breaker(Limit):
    """After `failures` in a row, each within `within_seconds` of the one before, everybody waits
    `wait_seconds`. Then one job tries: its success lets all go on, its failure makes them wait again.

    What counts is what the task raises, but for PermanentError, Snooze and rejected arguments.
    """

    kind: ClassVar[str] = "breaker"
    failures: int = field(kw_only=False)
    within_seconds: float = 60.0
    wait_seconds: float = 30.0

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check("failures", 1, NUMBER_MOST)
        self.check("within_seconds", 1, SECONDS_MOST)
        self.check("wait_seconds", 1, SECONDS_MOST)

    def numbers(self) -> tuple[float, float]:
        return self.wait_seconds * 1000, self.within_seconds * 1000

    def __str__(self) -> str:
        return f"{self.failures} failures, then {self.wait_seconds:g} s of rest"
