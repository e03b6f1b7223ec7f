"""The past of a schedule as a strip of bars: one for each due time, the oldest on the left."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median

from django.utils.translation import gettext as _

from apps.jobs.states import State
from apps.planner import columns
from apps.planner.history import Past
from apps.schedules.policies import FiringOutcome

LEVELS = 10
CAP = 3  # times the median: one run that took for ever leaves the others their height
TONES: dict[str, str] = {
    State.SUCCESS: "success",
    State.FAILURE: "failure",
    State.STARTED: "started",
    State.RETRY: "retry",
    FiringOutcome.MISSED: "missed",
    FiringOutcome.LATE: "missed",
    FiringOutcome.OVERLAP: "missed",
    FiringOutcome.ERROR: "error",
}


@dataclass(frozen=True)
class Bar:
    """`level` 1 to 10 is its height. `href` is its job's page, if it has one."""

    words: str
    tone: str
    level: int
    href: str = ""


@dataclass(frozen=True)
class Strip:
    """`since` and `until` are the due times of the first and the last bar."""

    bars: list[Bar]
    summary: str = ""
    since: datetime | None = None
    until: datetime | None = None


def of(past: Sequence[Past]) -> Strip:
    """`past` is the newest first."""
    if not past:
        return Strip([])
    tallest = height_of([one.run_time for one in past if one.run_time])
    bars = [bar(one, tallest) for one in reversed(past)]
    return Strip(bars, summary(past), past[-1].firing.due_at, past[0].firing.due_at)


def bar(one: Past, tallest: timedelta) -> Bar:
    href = columns.job_url(one.firing.job) if one.firing.job else ""
    return Bar(told(one), TONES.get(one.state or one.firing.outcome, "neutral"), level(one, tallest), href)


def height_of(run_times: Sequence[timedelta]) -> timedelta:
    """The run time of a bar of full height."""
    if not run_times:
        return timedelta()
    middle = timedelta(seconds=median(time.total_seconds() for time in run_times))
    return min(max(run_times), CAP * middle)


def level(one: Past, tallest: timedelta) -> int:
    if not one.run_time or not tallest:
        return 1
    return max(1, min(LEVELS, -(-one.run_time * LEVELS // tallest)))


def told(one: Past) -> str:
    """When it was due, what became of it, how late and how long: `3 May 2026 09:00:00 · success · …`."""
    firing = one.firing
    parts = [columns.clock_text(firing.due_at), word(one)]
    if firing.count > 1:
        parts.append(_("%d due times") % firing.count)
    elif firing.job:
        parts.append(_("lag %s") % f"{firing.lag.total_seconds():.1f} s")
    if one.run_time is not None:
        parts.append(_("ran %s") % columns.seconds(one.run_time))
    return " · ".join(parts)


def word(one: Past) -> str:
    return str(State(one.state).label) if one.state in State.values else one.firing.get_outcome_display()


def summary(past: Sequence[Past]) -> str:
    counts = Counter(word(one) for one in past)
    said = ", ".join(f"{number} {name}" for name, number in counts.most_common())
    run_times = [one.run_time for one in past if one.run_time]
    if not run_times:
        return said
    return _("%(counts)s; the longest run took %(time)s") % {
        "counts": said, "time": columns.seconds(max(run_times)),
    }  # fmt: skip
