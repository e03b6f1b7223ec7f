"""What becomes of due times, by a schedule's policy: pure, so that it can be told without a clock."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from apps.schedules.policies import FiringOutcome, Missed

Span = tuple[datetime, datetime]


@dataclass(frozen=True)
class Policy:
    """What a schedule says of due times that passed without a job."""

    missed: str = Missed.ONCE
    window: timedelta = timedelta(hours=1)
    late_most: timedelta | None = None


@dataclass(frozen=True)
class Decision:
    """Of one due time, or of `count` of them from `due_at` to `until` that are passed over.

    `caught_up`: no beat was alive then, and its job runs all the same.
    """

    due_at: datetime
    outcome: str = FiringOutcome.FIRED
    caught_up: bool = False
    until: datetime | None = None
    count: int = 1

    @property
    def fires(self) -> bool:
        return self.outcome == FiringOutcome.FIRED


def decide(
    due_times: Sequence[datetime], now: datetime, absences: Sequence[Span], policy: Policy, *, whole: bool
) -> list[Decision]:
    """One decision for each due time, those passed over in a row taken together.

    `absences`: when no beat was alive, each from (exclusive) until (inclusive). `whole`: these are all the
    due times until now; else the latest of them is not the one that "once" runs.
    """
    missed = [moment for moment in due_times if any(began < moment <= end for began, end in absences)]
    chosen = set(caught_up(missed, now, policy, whole=whole))
    passed = set(missed) - chosen
    decisions = (decision(moment, moment in passed, moment in chosen) for moment in due_times)
    return list(together(too_late(found, now, policy.late_most) for found in decisions))


def caught_up(missed: Sequence[datetime], now: datetime, policy: Policy, *, whole: bool) -> list[datetime]:
    """Those of the missed due times that run after all."""
    if policy.missed == Missed.ALL:
        return [moment for moment in missed if now - moment <= policy.window]
    return list(missed[-1:]) if policy.missed == Missed.ONCE and whole else []


def decision(moment: datetime, is_passed: bool, is_chosen: bool) -> Decision:
    return Decision(moment, FiringOutcome.MISSED) if is_passed else Decision(moment, caught_up=is_chosen)


def too_late(found: Decision, now: datetime, late_most: timedelta | None) -> Decision:
    if found.fires and late_most is not None and now - found.due_at > late_most:
        return Decision(found.due_at, FiringOutcome.LATE)
    return found


def together(decisions: Iterable[Decision]) -> Iterator[Decision]:
    """A day without beat must not make 86,400 rows of a schedule for each second."""
    last: Decision | None = None
    for found in decisions:
        if last and not found.fires and last.outcome == found.outcome:
            last = replace(last, until=found.due_at, count=last.count + 1)
            continue
        if last:
            yield last
        last = found
    if last:
        yield last
