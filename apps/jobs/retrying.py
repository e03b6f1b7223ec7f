"""When to try again. Pure arithmetic."""

import random
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class RetryPolicy:
    """`backoff`: False waits the same each time, True doubles, "jitter" also draws at random."""

    limit: int | None
    delay_seconds: int
    backoff: bool | Literal["jitter"]
    delay_max_seconds: int
    within_seconds: int | None = None

    def allows(self, wait_seconds: float, since_submission_seconds: float) -> bool:
        """Whether a try that begins after the wait is still within the limit in time."""
        return not self.within_seconds or since_submission_seconds + wait_seconds <= self.within_seconds

    def seconds_before(self, retry: int) -> int:
        """Whole seconds, at least 1, before retry number `retry`, which counts from 0.

        A delay under a second is refused by native delayed delivery, so there is none.
        """
        if not self.backoff:
            return max(1, self.delay_seconds)
        # Twice as long each time; 30 doublings are beyond any cap, and keeps the number small.
        longest = min(self.delay_max_seconds, self.delay_seconds << min(retry, 30))
        if self.backoff == "jitter":
            return random.randint(1, max(1, longest))  # noqa: S311 - spreads load, guards nothing
        return max(1, longest)
