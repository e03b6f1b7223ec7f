"""What the gate costs who needs it not, and how well it holds. `python benchmarks/gate.py --help`

- cost: no-op jobs without any limit, by workers with and without the gate, in pairs that change their order;
  jobs a second, and processor time of the processes that run them.
- rate: 100 tenants, of which the last asks for twice as much as the first, share a limit of 100 starts a
  second on four workers. All jobs wait before the first is let go, and none of the tenants runs out of them.
- held: jobs of a paused task; then it is resumed. How many were sent on and not begun yet at most, how many
  in a tenth of a second, and the time for all.

Servers and measures are those of benchmarks/throughput.py.
"""

import argparse
import signal
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from benchmarks import throughput as bench  # noqa: E402 - starts the servers, and Django

from django.conf import settings  # noqa: E402 isort: skip
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.db.models import Max, Min  # noqa: E402

from apps.gate.pausing import pause, resume  # noqa: E402
from apps.jobs import submit_many  # noqa: E402
from apps.jobs.models import Hold, Job  # noqa: E402
from apps.jobs.publishing import flush  # noqa: E402
from apps.jobs.tests.lives import running  # noqa: E402
from benchmarks import limited, reporting, stock_database  # noqa: E402
from benchmarks.noop import noop_task  # noqa: E402
from project.celery import app  # noqa: E402
from tests.servers import servers  # noqa: E402
from tests.waiting import OwnProcess, RecorderProcess  # noqa: E402

KNOWN = ("-I", "benchmarks.noop,benchmarks.limited")
TENANTS, WORKERS = 100, 4
SETTLE_SECONDS = 5  # what was sent on before is begun by then
BEFORE_SECONDS = 15  # of starts before and after those that are counted
SLICE_SECONDS = 0.1


@dataclass(frozen=True)
class Run:
    """One run of one of the parts; `figures` are named with their units."""

    part: str
    jobs: int
    seconds: float
    figures: dict[str, float]


def main() -> None:
    asked = arguments()
    servers.start_broker()
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    call_command("topology", verbosity=0)
    stock_database.make()
    try:
        runs = [run for part in asked.parts for run in PARTS[part](asked)]
    finally:
        connection.close()
        connection.creation.destroy_test_db("", verbosity=0)
        servers.stop()
    reporting.write("gate", ratios(runs), runs)


def arguments() -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--parts", nargs="+", choices=list(PARTS), default=list(PARTS))
    parser.add_argument("--pairs", type=int, default=6, help="of runs with and without the gate")
    parser.add_argument("--jobs", type=int, default=10_000, help="of each of these runs")
    parser.add_argument("--seconds", type=int, default=20, help="for which the rate is watched")
    parser.add_argument("--held", type=int, default=10_000, help="jobs that are held and sent on")
    return parser.parse_args()


# --- what it costs who needs it not ---------------------------------------------------------------
def cost(asked: Any) -> Iterator[Run]:
    for pair in range(asked.pairs):
        for part in ("gate", "none") if pair % 2 else ("none", "gate"):
            yield show(no_limits(part, asked.jobs))


def no_limits(part: str, jobs: int) -> Run:
    include = KNOWN[1] if part == "gate" else f"{KNOWN[1]},benchmarks.ungated"
    with recording():
        hand_in(noop_task, [[]] * jobs)
        worker = bench.celery("project", settings.CELERY_TASK_DEFAULT_QUEUE, "-I", include)
        with ended(worker):
            first = bench.until(lambda: bench.started_at("min(first_started_at)"))
            before = bench.worker_times(worker)
            bench.until(lambda: bench.count("jobs_job WHERE state = 'SUCCESS'") >= jobs)
            seconds = bench.started_at("max(finished_at)") - first
            spent = bench.per_job_since(before, worker, jobs)["worker children"]
    figures = {"jobs_per_second": round(jobs / seconds, 1), "children_us_per_job": spent}
    return Run(part, jobs, round(seconds, 2), figures)


# --- whether a rate holds, and for all alike ------------------------------------------------------
def rate(asked: Any) -> Iterator[Run]:
    least = (asked.seconds + BEFORE_SECONDS) * limited.RATE // TENANTS
    calls = [
        [tenant]
        for turn in range(2 * least)
        for tenant in range(TENANTS)
        if turn < least + least * tenant // TENANTS
    ]
    names = [(*KNOWN, "-c", "1", "-n", f"bench{number}@%h") for number in range(WORKERS)]
    workers = [bench.celery("project", settings.CELERY_TASK_DEFAULT_QUEUE, *words) for words in names]
    started: Any = Job.objects.filter(started_at__isnull=False)
    with recording("--only", "record", "--only", "relay"), running(*workers):
        hand_in(limited.rated_task, calls)
        bench.until(lambda: Hold.objects.count() + started.count() == len(calls))
        with ended(RecorderProcess("--only", "holds")):
            began = now() + SETTLE_SECONDS
            bench.until(lambda: now() - began > asked.seconds + 0.5)
        if Hold.objects.values("share").distinct().count() < TENANTS:
            raise SystemExit("a tenant had no more jobs, so nobody knows how fair it was")
        bench.until(lambda: Hold.objects.count() + started.count() == len(calls))
    starts: Any = started.values_list("started_at", "args")
    seen = [args[0] for at, args in starts if began <= at.timestamp() < began + asked.seconds]
    shares = [Counter(seen)[tenant] for tenant in range(TENANTS)]
    figures = {"starts_per_second": round(len(seen) / asked.seconds, 2), "jain_index": round(jain(shares), 4)}
    yield show(Run("rate", len(calls), asked.seconds, figures))


def jain(shares: list[int]) -> float:
    """1: all have the same; 1 / n: one of n has everything."""
    squares = sum(share**2 for share in shares)
    return sum(shares) ** 2 / (len(shares) * squares) if squares else 0.0


# --- whether a flood is let go calmly -------------------------------------------------------------
def held(asked: Any) -> Iterator[Run]:
    with recording():
        pause("task", limited.kept_task.name)
        with ended(bench.celery("project", settings.CELERY_TASK_DEFAULT_QUEUE, *KNOWN)):
            hand_in(limited.kept_task, [[]] * asked.held)
            bench.until(lambda: Hold.objects.count() == asked.held)
            span = Hold.objects.aggregate(first=Min("held_at"), last=Max("held_at"))
            holding = (span["last"] - span["first"]).total_seconds()
            resume("task", limited.kept_task.name)
            began = time.time()
            left, queued = watch_release(asked.held)
            seconds = bench.started_at("max(finished_at)") - began
    yield show(
        Run(
            "held",
            asked.held,
            round(seconds, 2),
            {
                "held_per_second": round(asked.held / holding, 1),
                "finished_per_second": round(asked.held / seconds, 1),
                "sent_at_once": max(map(int.__sub__, left, left[1:])),
                "not_begun_at_once": max(queued),
                "tries_per_job": bench.count("jobs_attempt") / asked.held,
            },
        )
    )


def watch_release(jobs: int) -> tuple[list[int], list[int]]:
    """How many are held, and how many lie in the queue, every tenth of a second until all have run."""
    left, queued = [jobs], [0]
    while bench.count("jobs_job WHERE state = 'SUCCESS'") < jobs:
        left.append(Hold.objects.count())
        queued.append(waiting())
        time.sleep(SLICE_SECONDS)
    return left, queued


# --- what they share ------------------------------------------------------------------------------
@contextmanager
def recording(*duties: str) -> Iterator[None]:
    """On empty servers."""
    bench.empty()
    Hold.objects.all().delete()
    unhurried = {"RECORDER_PAUSE_MILLISECONDS": "100", "RELAY_GRACE_SECONDS": "60"}
    with ended(RecorderProcess(*duties, environment=unhurried)):
        yield


@contextmanager
def ended(process: OwnProcess) -> Iterator[None]:
    process.start()
    try:
        yield
    finally:
        process.stop()


def hand_in(task: Any, calls: list[Any]) -> None:
    for start in range(0, len(calls), 5000):
        submit_many(task, calls[start : start + 5000])
    flush(60)


def waiting() -> int:
    """Messages that no worker has taken."""
    with app.connection_for_write() as found:
        channel: Any = found.default_channel
        said = channel.queue_declare(settings.CELERY_TASK_DEFAULT_QUEUE, passive=True)
        return int(said.message_count)


def now() -> float:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        return float(cursor.fetchone()[0])


def show(run: Run) -> Run:
    figures = ", ".join(f"{name} {figure:g}" for name, figure in run.figures.items())
    print(f"{run.part:6} {run.jobs:6} jobs {run.seconds:8.2f} s  {figures}", flush=True)
    return run


def ratios(runs: list[Run]) -> dict[str, float]:
    found = {}
    for name in ("jobs_per_second", "children_us_per_job"):
        ours, theirs = ([run.figures[name] for run in runs if run.part == part] for part in ("gate", "none"))
        if ours:
            found[f"{name}, with the gate / without"] = reporting.ratio(ours, theirs)
    for run in runs:
        if run.part == "rate":
            found["starts / limit"] = round(run.figures["starts_per_second"] / limited.RATE, 3)
            found["Jain index of 100 tenants"] = run.figures["jain_index"]
        elif run.part == "held":
            found["sent at once / held"] = round(run.figures["sent_at_once"] / run.jobs, 3)
            found["not begun at once / held"] = round(run.figures["not_begun_at_once"] / run.jobs, 3)
            found["tries / held"] = run.figures["tries_per_job"]
    return found


PARTS = {"cost": cost, "rate": rate, "held": held}

if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
