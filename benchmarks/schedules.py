"""Our beat against django-celery-beat's. `python benchmarks/schedules.py [--sizes 1000 10000] [--seconds 20]`

Of each size there are as many enabled schedules of mixed kinds, 50 of them due each second, the same in both
databases (benchmarks/schedule_rows.py). The beats take turns, alone, on one PostgreSQL and one RabbitMQ, and
every figure is told by the messages that arrive:

first start   from the start of the process on schedules that no beat has seen, until one of them fires
restart       the same for the next beat, with which all else is measured
lag           from due time to message. Stock counts an interval from its last run, late as that may have
              been: its lag is what came on top of the interval
edit          from saving a single time, moved to 0.1 s from now, to its message
at once       1,000 schedules due in the same second: from then until the last job is submitted

What takes too long is given up: the figure is then a lower limit, and said to be one.
"""

import argparse
import os
import random
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers import servers  # noqa: E402 - sets the environment that Django's settings read

os.environ |= {"DJANGO_SETTINGS_MODULE": "project.settings", "CELERY_TASK_SEND_SENT_EVENT": "false"}

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks import reporting, schedule_rows, stock_database  # noqa: E402
from benchmarks.beating import Beat, Messages, Seen  # noqa: E402
from benchmarks.schedule_rows import INTERVAL_SECONDS, LOAD  # noqa: E402
from tests.waiting import of_test_database  # noqa: E402

SIZES = [1_000, 10_000, 100_000]
OURS, STOCK = "switchyard", "stock"
START_BOUND, SETTLE_BOUND, EDIT_BOUND = 120.0, 30.0, 60.0
EDITS, EDIT_AHEAD = 5, 0.1
AT_ONCE, AT_ONCE_AHEAD, AT_ONCE_BOUND = 1_000, 3.0, 30.0
STOP_SECONDS = 30
# What is promised of the largest size, and by how much an edit shall be in force sooner than with stock.
TARGETS = {"lag_p99": 1.0, "edit": 1.0, "at_once": 2.0, "rss": 200}
EDIT_TARGET = 50
EMPTY = "TRUNCATE schedules_beat, schedules_absence, jobs_job, jobs_attempt"
SUBMITTED = "SELECT extract(epoch FROM max(submitted_at)) FROM jobs_job WHERE schedule LIKE 'at once %'"


@dataclass
class Run:
    """One beat on so many schedules. Seconds, but for `rss`, `pss` and `peak`: megabytes.

    `given_up` names the figures that are lower limits.
    """

    variant: str
    schedules: int
    first_start: float = 0.0
    restart: float = 0.0
    firings_per_second: float = 0.0
    lag_p50: float = 0.0
    lag_p99: float = 0.0
    lag_max: float = 0.0
    edit: float = 0.0
    edits: list[float] = field(default_factory=list)
    cpu_per_minute: float = 0.0
    rss: int = 0
    pss: int = 0
    peak: int = 0
    at_once: float | None = None
    given_up: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Variant:
    name: str
    database: str
    messages: Messages
    beat: Sequence[str]

    @contextmanager
    def beating(self) -> Iterator[Beat]:
        app, *arguments = self.beat
        beat = Beat(app, self.database, *arguments)
        try:
            beat.start()
            yield beat
        finally:
            beat.stop(STOP_SECONDS)


def main() -> None:
    options = read_options()
    servers.start_broker()
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    call_command("topology", verbosity=0)
    stock = stock_database.make()
    variants = [
        Variant(OURS, of_test_database()["DATABASE_URL"], Messages(settings.CELERY_TASK_DEFAULT_QUEUE),
                ["project"]),
        Variant(STOCK, stock, Messages(STOCK),
                ["benchmarks.stock", "-S", "django_celery_beat.schedulers:DatabaseScheduler"]),
    ]  # fmt: skip
    runs: list[Run] = []
    print(HEADER)
    try:
        for variant in variants:
            variant.messages.start()
        for size in options.sizes:
            for _ in range(options.pairs):
                for variant in variants:
                    runs.append(measure(variant, size, options.seconds))
                    print(line(runs[-1]), flush=True)
    finally:
        for variant in variants:
            variant.messages.stop()
        connection.close()
        connection.creation.destroy_test_db("", verbosity=0)
        servers.stop()
    report(runs)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/schedules.py")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="how many schedules")
    parser.add_argument("--seconds", type=float, default=20, help="for which the lag is watched")
    parser.add_argument("--pairs", type=int, default=2, help="turns of each beat with each size")
    return parser.parse_args()


def measure(variant: Variant, size: int, seconds: float) -> Run:
    run = Run(variant.name, size)
    schedule_rows.fill(variant.database, size)
    if variant.name == OURS:
        with connection.cursor() as cursor:
            cursor.execute(EMPTY)
    with variant.beating() as beat:
        run.first_start = starting(beat, variant.messages, run, "first_start")
    with variant.beating() as beat:
        run.restart = starting(beat, variant.messages, run, "restart")
        settle(variant.messages)
        watch(beat, variant.messages, seconds, run)
        take_edits(variant, run)
        if variant.name == OURS:
            run.at_once = all_at_once(variant)
        memory = beat.megabytes()
        run.rss, run.pss, run.peak = memory["rss"], memory["pss"], memory["peak"]
    return run


def starting(beat: Beat, messages: Messages, run: Run, figure: str) -> float:
    """Seconds until a schedule that is due each second fires."""
    first = messages.first("load ", beat.began, START_BOUND)
    if first is None:
        run.given_up.append(figure)
    return round((first or time.time()) - beat.began, 2)


def settle(messages: Messages) -> None:
    """Until all that is due has been fired in turn, or nobody wants to wait any longer."""
    deadline = time.time() + SETTLE_BOUND
    while time.time() < deadline:
        lately = messages.of("load ", time.time() - INTERVAL_SECONDS - 0.5)
        if len({one.schedule for one in lately}) == LOAD and len(lately) < 1.2 * LOAD:
            return
        time.sleep(0.2)


def watch(beat: Beat, messages: Messages, seconds: float, run: Run) -> None:
    since, cpu = time.time(), beat.cpu_seconds()
    time.sleep(seconds)
    run.cpu_per_minute = round((beat.cpu_seconds() - cpu) / seconds * 60, 1)
    until = time.time()
    fired = messages.of("load ", since)
    run.firings_per_second = round(len(fired) / seconds, 1)
    before = messages.of("load ", since - 3 * INTERVAL_SECONDS)
    found = [one.at - one.due for one in fired if one.due] or gaps(before, since, until) or [seconds]
    hundredths = quantiles([max(0.0, lag) for lag in found], n=100) if len(found) > 1 else found * 99
    run.lag_p50, run.lag_p99, run.lag_max = (
        round(lag, 3) for lag in (hundredths[49], hundredths[98], max(found))
    )


def gaps(seen: Sequence[Seen], since: float, until: float) -> list[float]:
    """What came on top of the interval between two firings; what still goes on counts as far as it got."""
    last: dict[str, float] = {}
    found = []
    for one in seen:
        if one.at >= since and one.schedule in last:
            found.append(one.at - last[one.schedule] - INTERVAL_SECONDS)
        last[one.schedule] = one.at
    return found + [gap for at in last.values() if (gap := until - at - INTERVAL_SECONDS) > 0]


def take_edits(variant: Variant, run: Run) -> None:
    """One after the other, at any moment of beat's own rhythm; no more once they took too long together."""
    dice, began = random.Random(run.schedules), time.time()
    for number in range(1, EDITS + 1):
        time.sleep(dice.random())
        saved = time.time()
        schedule_rows.edit(variant.database, number, EDIT_AHEAD)
        seen = variant.messages.first(f"edited {number}", saved, EDIT_BOUND)
        if seen is None:
            run.given_up.append("edit")
        run.edits.append(round((seen or time.time()) - saved, 3))
        if seen is None or time.time() - began > EDIT_BOUND:
            break
    run.edit = median(run.edits)


def all_at_once(variant: Variant) -> float:
    since = time.time()
    due_at = schedule_rows.make_due_at_once(variant.database, AT_ONCE, AT_ONCE_AHEAD)
    found = variant.messages.wait("at once ", since, AT_ONCE_BOUND, AT_ONCE)
    if len(found) < AT_ONCE:
        raise SystemExit(f"{len(found)} of {AT_ONCE} jobs within {AT_ONCE_BOUND:.0f} s")
    with connection.cursor() as cursor:
        cursor.execute(SUBMITTED)
        return round(max(float(cursor.fetchone()[0]), found[-1].at) - due_at, 2)


COLUMNS = {
    "first start": ("first_start", "{:.1f} s"), "restart": ("restart", "{:.1f} s"),
    "fired/s": ("firings_per_second", "{:.1f}"), "lag p50": ("lag_p50", "{:.3f} s"),
    "p99": ("lag_p99", "{:.3f} s"), "max": ("lag_max", "{:.3f} s"), "edit": ("edit", "{:.2f} s"),
    "cpu s/min": ("cpu_per_minute", "{:.1f}"), "RSS MB": ("rss", "{}"), "PSS": ("pss", "{}"),
    "peak": ("peak", "{}"), "at once": ("at_once", "{:.2f} s"),
}  # fmt: skip
HEADER = f"{'':11}{'schedules':>10}" + "".join(f"{name:>12}" for name in COLUMNS)


def line(run: Run) -> str:
    return f"{run.variant:11}{run.schedules:>10,}" + "".join(f"{cell(run, name):>12}" for name in COLUMNS)


def cell(run: Run, column: str) -> str:
    figure, form = COLUMNS[column]
    value = getattr(run, figure)
    text = "-" if value is None else form.format(value)
    return f"> {text}" if figure in run.given_up else text


def report(runs: list[Run]) -> None:
    sizes = sorted({run.schedules for run in runs})
    ratios, limits = {}, []
    for size in sizes:
        mine, theirs = [[run for run in runs if (run.variant, run.schedules) == (name, size)]
                        for name in (OURS, STOCK)]  # fmt: skip
        for figure in ("edit", "first_start", "restart", "lag_p99", "cpu_per_minute", "rss"):
            name = f"{STOCK} / {OURS}, {figure}, {size:,}"
            ratios[name] = reporting.ratio(values(theirs, figure), values(mine, figure), 2)
            limits += [name] * any(figure in run.given_up for run in theirs)
    least, most = [[run for run in runs if run.variant == OURS and run.schedules == size]
                   for size in (sizes[0], sizes[-1])]  # fmt: skip
    for figure in ("lag_p99", "edit", "cpu_per_minute", "rss"):
        name = f"{OURS}, {figure}, {sizes[-1]:,} / {sizes[0]:,} schedules"
        ratios[name] = reporting.ratio(values(most, figure), values(least, figure), 2)
    reporting.write("schedules", ratios, runs, lower_limits=limits)
    for name in limits:
        print(f"a lower limit, as stock did not finish in time: {name}")
    judge(most, ratios[f"{STOCK} / {OURS}, edit, {sizes[-1]:,}"])


def values(runs: Sequence[Run], figure: str) -> list[float]:
    return [max(float(getattr(run, figure)), 0.001) for run in runs]


def judge(runs: Sequence[Run], edit_ratio: float) -> None:
    for figure, target in TARGETS.items():
        worst = max(values(runs, figure))
        kept = "kept" if worst < target else "NOT KEPT"
        print(f"target: {figure} of {runs[0].schedules:,} schedules below {target}: {worst}, {kept}")
    kept = "kept" if edit_ratio >= EDIT_TARGET else "NOT KEPT"
    print(f"target: an edit {EDIT_TARGET} times sooner in force than with stock: {edit_ratio}, {kept}")


if __name__ == "__main__":
    main()
