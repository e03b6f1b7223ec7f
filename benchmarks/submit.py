"""How fast jobs are handed in. `python benchmarks/submit.py [jobs] [pairs]`

`.delay()` with publisher confirms, as stock Celery has them; `submit`, which also writes the ledger's
row; `submit_many`. "returned" ends when the last call has returned: the jobs are committed and can't
be lost. "confirmed" ends when the broker has confirmed the last one. The variants take turns, on
quorum queues and a PostgreSQL with fsync.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers import servers  # noqa: E402 - sets the environment that Django's settings read

os.environ |= {"DJANGO_SETTINGS_MODULE": "project.settings", "CELERY_TASK_SEND_SENT_EVENT": "false"}

import django  # noqa: E402

django.setup()

from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

import benchmarks.noop  # noqa: E402
from apps.jobs import submit, submit_many  # noqa: E402
from apps.jobs.publishing import flush  # noqa: E402
from benchmarks import reporting  # noqa: E402
from project.celery import app  # noqa: E402

TASK = benchmarks.noop.noop_task
MANY = 10_000
DELAY = """
import json, sys, time
from benchmarks.stock import app, noop_task
with app.connection_for_write() as found:
    queue = app.conf.task_queues[0].bind(found.default_channel)
    queue.declare()
    queue.purge()
jobs = int(sys.argv[1])
for _ in range(100):
    noop_task.delay()
began, cpu = time.perf_counter(), time.process_time()
for _ in range(jobs):
    noop_task.delay()
print(json.dumps([time.perf_counter() - began, time.process_time() - cpu]))
"""


@dataclass(frozen=True)
class Run:
    """One loop. Speeds are jobs a second; `cpu` is microseconds of this process for each job."""

    variant: str
    jobs: int
    returned_per_second: int
    confirmed_per_second: int
    cpu: int


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 2_000
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 5
    servers.start_broker()
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    call_command("topology", verbosity=0)
    variants: dict[str, Callable[[], Run]] = {
        "delay": lambda: stock_delay(jobs),
        "submit": lambda: timed("submit", jobs, lambda: [submit(TASK) for _ in range(jobs)]),
        "submit_many": lambda: timed("submit_many", MANY, lambda: submit_many(TASK, [[]] * MANY)),
    }
    runs: list[Run] = []
    try:
        for variant in variants.values():
            variant()  # connections, caches
        for _ in range(pairs):
            for variant in variants.values():
                empty()
                runs.append(variant())
                show(runs[-1])
    finally:
        connection.close()
        connection.creation.destroy_test_db("", verbosity=0)
        servers.stop()
    reporting.write("submit", ratios(runs), runs)


def stock_delay(jobs: int) -> Run:
    """In a process of its own, in which none of our receivers listens."""
    argv = [sys.executable, "-c", DELAY, str(jobs)]
    said = subprocess.run(argv, cwd=ROOT, check=True, env=os.environ, capture_output=True, text=True)
    seconds, cpu = json.loads(said.stdout.splitlines()[-1])
    speed = round(jobs / seconds)
    return Run("delay", jobs, speed, speed, round(cpu / jobs * 1e6))


def timed(variant: str, jobs: int, act: Callable[[], object]) -> Run:
    flush(60)
    began, cpu = time.perf_counter(), time.process_time()
    act()
    returned = time.perf_counter() - began
    if not flush(60):
        raise SystemExit("the broker did not confirm in time")
    confirmed, cpu = time.perf_counter() - began, time.process_time() - cpu
    return Run(variant, jobs, round(jobs / returned), round(jobs / confirmed), round(cpu / jobs * 1e6))


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE jobs_job, jobs_attempt")
    with app.connection_for_write() as found:
        for queue in settings.CELERY_TASK_QUEUES:
            queue.bind(found.default_channel).purge()


def show(run: Run) -> None:
    print(
        f"{run.variant:12} {run.returned_per_second:7} returned/s {run.confirmed_per_second:7} confirmed/s"
        f"  {run.cpu} us cpu/job",
        flush=True,
    )


def ratios(runs: list[Run]) -> dict[str, float]:
    def speeds(variant: str, what: str) -> list[int]:
        return [getattr(run, f"{what}_per_second") for run in runs if run.variant == variant]

    return {
        f"{variant} / delay, {what}": reporting.ratio(speeds(variant, what), speeds("delay", "confirmed"), 2)
        for variant in ("submit", "submit_many")
        for what in ("returned", "confirmed")
    }


if __name__ == "__main__":
    main()
