"""How fast a CSV file is imported, and how much the worker grows. `python benchmarks/import_csv.py [rows]`

The file goes the whole way: `manage.py import_data --wait`, RabbitMQ, a worker process, PostgreSQL.
Servers are started for the run (PostgreSQL without fsync); TEST_DATABASE_URL, TEST_REDIS_URL and
TEST_BROKER_URL name others. Everything is written to a database of its own.
"""

import os
import random
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers import servers  # noqa: E402 - sets the environment that Django's settings read

os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"

import django  # noqa: E402

django.setup()

import psutil  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from benchmarks import reporting  # noqa: E402
from tests.waiting import WorkerProcess  # noqa: E402

HEADER = "customer_id,name,email,street,city,country,signed_up,orders,revenue,note\n"
CITIES = ["Amsterdam,NL", "Berlin,DE", "Copenhagen,DK", "Gdansk,PL", "Lisbon,PT", "Lyon,FR", "Malmö,SE"]
SAMPLE_SECONDS = 0.05
MEGABYTE = 1024 * 1024


@dataclass(frozen=True)
class Run:
    """One import. Memory is the worker child's resident set, against its own before the import."""

    case: str
    rows: int
    megabytes: float
    seconds: float
    rows_per_second: int
    progress_lines: int
    memory_before_mb: float
    memory_growth_mb: float


class Watch(threading.Thread):
    """Samples the largest resident set of the worker's children."""

    def __init__(self, worker: WorkerProcess) -> None:
        super().__init__(daemon=True)
        self.parent = psutil.Process(worker.pid)
        self.before = self.peak = self.look()
        self.done = threading.Event()

    def look(self) -> int:
        return max(int(child.memory_info().rss) for child in self.parent.children())

    def run(self) -> None:
        while not self.done.wait(SAMPLE_SECONDS):
            self.peak = max(self.peak, self.look())


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    servers.start_broker()
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    call_command("topology", verbosity=0)
    worker = WorkerProcess(concurrency=1)
    worker.start()
    try:
        runs = measure(worker, rows)
    finally:
        worker.stop()
        connection.creation.destroy_test_db("", verbosity=0)
        servers.stop()
    show(runs)
    reporting.write("import_csv", {}, runs)


def measure(worker: WorkerProcess, rows: int) -> list[Run]:
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder, "small.csv"), Path(folder, "large.csv")
        write(small, 1_000)
        write(large, rows)
        timed(worker, "warm-up", small, "--dataset=warm")
        return [
            timed(worker, "new rows, with key", large, "--dataset=keyed", "--key=customer_id"),
            timed(worker, "the same rows again", large, "--dataset=keyed", "--key=customer_id"),
            timed(worker, "new rows, no key", large, "--dataset=appended"),
        ]


def timed(worker: WorkerProcess, case: str, path: Path, *arguments: str) -> Run:
    watch, said = Watch(worker), StringIO()
    watch.start()
    began = time.perf_counter()
    call_command("import_data", str(path), *arguments, "--wait", stdout=StringIO(), stderr=said)
    seconds = time.perf_counter() - began
    watch.done.set()
    watch.join()
    rows = sum(1 for _ in path.open(encoding="utf-8")) - 1
    return Run(
        case=case,
        rows=rows,
        megabytes=round(path.stat().st_size / MEGABYTE, 1),
        seconds=round(seconds, 2),
        rows_per_second=round(rows / seconds),
        progress_lines=said.getvalue().count("\n"),
        memory_before_mb=round(watch.before / MEGABYTE, 1),
        memory_growth_mb=round((watch.peak - watch.before) / MEGABYTE, 1),
    )


def write(path: Path, rows: int) -> None:
    draw = random.Random(1)
    with path.open("w", encoding="utf-8") as file:
        file.write(HEADER)
        for number in range(rows):
            day = f"20{draw.randint(15, 25)}-{draw.randint(1, 12):02}-{draw.randint(1, 28):02}"
            note = draw.choice(["", "", "prefers mail", '"pays late, asked for ""net 60"""', "bulk buyer"])
            file.write(
                f"C{number:07},Customer {number},customer{number}@example.com,{draw.randint(1, 250)} Harbour "
                f"Road,{draw.choice(CITIES)},{day},{draw.randint(0, 90)},{draw.random() * 9000:.2f},{note}\n"
            )


def show(runs: list[Run]) -> None:
    print(f"{'case':22} {'rows':>9} {'MB':>6} {'seconds':>8} {'rows/s':>8} {'worker MB':>10} {'growth':>7}")
    for run in runs:
        print(
            f"{run.case:22} {run.rows:>9,} {run.megabytes:>6} {run.seconds:>8} {run.rows_per_second:>8,} "
            f"{run.memory_before_mb:>10} {run.memory_growth_mb:>+7}"
        )


if __name__ == "__main__":
    main()
