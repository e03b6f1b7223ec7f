"""Jobs a second with the whole ledger, against stock Celery. `python benchmarks/throughput.py [jobs] [pairs]`

Stock Celery keeps its results in Redis, or in PostgreSQL by django-celery-results. Each run empties
everything, queues no-op jobs, then starts a worker of two processes and watches from the first start
until the last job's row is there. The variants take turns on the same servers (PostgreSQL without
fsync, which is kind to django-db; RabbitMQ with quorum queues) with the same prefetch. Processor time
is that of every process involved, servers too.

"apart": the worker has one half of the processors, all servers and the recorder have the other, as on
machines of their own. "shared": everything competes for all of them, so that what PostgreSQL and the
recorder do is taken from the worker.
"""

import os
import signal
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from operator import sub
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers import servers  # noqa: E402 - sets the environment that Django's settings read

os.environ |= {"DJANGO_SETTINGS_MODULE": "project.settings", "CELERY_TASK_SEND_SENT_EVENT": "false"}
os.environ["CELERY_WORKER_SEND_TASK_EVENTS"] = "false"

import django  # noqa: E402

django.setup()

import psutil  # noqa: E402
import psycopg  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from redis import Redis  # noqa: E402

import benchmarks.noop  # noqa: E402
from apps.jobs import submit_many  # noqa: E402
from apps.jobs.publishing import flush  # noqa: E402
from apps.jobs.stream.names import SINCE, STREAM  # noqa: E402
from apps.jobs.stream.reaching import stream_redis  # noqa: E402
from benchmarks import reporting, stock_database  # noqa: E402
from benchmarks.placing import family, halves, place  # noqa: E402
from project.celery import app  # noqa: E402
from tests.waiting import OwnProcess, RecorderProcess  # noqa: E402

PREFETCH = "8"
DEADLINE_SECONDS = 900  # stock with django-db takes 20,000 jobs at 75 a second on a slow machine
TASK = benchmarks.noop.noop_task
WORKER, OTHERS = halves()


PUBLISH = """
import sys
from benchmarks.stock import app, noop_task
with app.connection_for_write() as found:
    queue = app.conf.task_queues[0].bind(found.default_channel)
    queue.declare()
    queue.purge()
with app.producer_pool.acquire() as producer:
    for _ in range(int(sys.argv[1])):
        noop_task.apply_async(producer=producer)
"""


@dataclass(frozen=True)
class Run:
    """One run. Times are seconds; `cpu` is microseconds of processor time for each job, by process."""

    variant: str
    placing: str
    jobs: int
    seconds: float
    jobs_per_second: int
    lag_seconds: float
    cpu: dict[str, int]


class Cpu:
    """Processor time of a set of processes and their children, dead children included."""

    def __init__(self, pids: dict[str, int]) -> None:
        self.pids = pids
        self.before = self.look()

    def look(self) -> dict[str, float]:
        return {name: sum(spent(pid) for pid in family(top)) for name, top in self.pids.items()}

    def per_job(self, jobs: int) -> dict[str, int]:
        now = self.look()
        return {name: round((now[name] - self.before[name]) / jobs * 1e6) for name in now}


def spent(process: psutil.Process) -> float:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(times.user + times.system)


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 20_000
    pairs = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    servers.start_broker()
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    call_command("topology", verbosity=0)
    stock_database.make()
    runs = []
    try:
        for _ in range(pairs):
            for placing in ("apart", "shared"):
                for variant in (lambda *of: stock("redis", *of), ours, lambda *of: stock("django-db", *of)):
                    runs.append(variant(placing, jobs))
                    show(runs[-1])
    finally:
        connection.close()
        connection.creation.destroy_test_db("", verbosity=0)
        servers.stop()
    report(runs)


def ours(placing: str, jobs: int) -> Run:
    empty()
    put_servers(placing)
    recorder = RecorderProcess(environment={"RECORDER_PAUSE_MILLISECONDS": "100"})
    recorder.start()
    for start in range(0, jobs, 5000):
        submit_many(TASK, [[]] * min(5000, jobs - start))
    flush(60)
    until(lambda: stream_redis().xlen(STREAM) == 0)
    worker = celery("project", settings.CELERY_TASK_DEFAULT_QUEUE, "-I", "benchmarks.noop")
    try:
        worker.start()
        put_worker(worker, placing)
        first = until(lambda: started_at("min(first_started_at)"))
        cpu, own = Cpu(server_pids() | {"recorder": recorder.pid}), worker_times(worker)
        until(lambda: count("jobs_job WHERE state = 'SUCCESS'") >= jobs)
        seen = time.time()
        last = started_at("max(finished_at)")
        per_job = cpu.per_job(jobs) | per_job_since(own, worker, jobs)
    finally:
        worker.stop()
        recorder.stop()
    return Run(
        "switchyard",
        placing,
        jobs,
        round(seen - first, 2),
        round(jobs / (seen - first)),
        round(seen - last, 2),
        per_job,
    )


def stock(kind: str, placing: str, jobs: int) -> Run:
    empty()
    put_servers(placing)
    environment = {"STOCK_RESULTS": kind}
    argv = [sys.executable, "-c", PUBLISH, str(jobs)]
    subprocess.run(argv, cwd=ROOT, check=True, env=os.environ | environment)
    redis = Redis.from_url(settings.CELERY_RESULT_BACKEND.rpartition("/")[0] + "/9")
    done: Callable[[], int] = redis.dbsize if kind == "redis" else stock_rows
    worker = celery("benchmarks.stock", "stock", environment=environment)
    try:
        worker.start()
        put_worker(worker, placing)
        until(done)
        first, before = time.time(), done()
        cpu, own = Cpu(server_pids()), worker_times(worker)
        until(lambda: done() >= jobs)
        seconds = time.time() - first
        per_job = cpu.per_job(jobs) | per_job_since(own, worker, jobs)
    finally:
        worker.stop()
    speed = round((jobs - before) / seconds)
    return Run(f"stock {kind}", placing, jobs, round(seconds, 2), speed, 0.0, per_job)


def put_servers(placing: str) -> None:
    """This process too: what it starts comes along."""
    place([os.getpid(), *server_pids().values()], OTHERS if placing == "apart" else WORKER | OTHERS)


def put_worker(worker: OwnProcess, placing: str) -> None:
    if placing == "apart":
        place([worker.pid], WORKER)


def celery(name: str, queue: str, *more: str, environment: dict[str, str] | None = None) -> OwnProcess:
    argv = [
        sys.executable, "-m", "celery", "-A", name, "worker", "-Q", queue, "-c", "2", "-n", "bench@%h",
        "-O", "fair", "--without-gossip", "--without-mingle", "--without-heartbeat", "-l", "INFO",
        "--prefetch-multiplier", PREFETCH, "--max-tasks-per-child", "1000000", *more,
    ]  # fmt: skip
    found = OwnProcess(argv, " ready.", environment)
    if name != "project":
        found.environment["DATABASE_URL"] = os.environ["DATABASE_URL"]
    return found


def worker_times(worker: OwnProcess) -> tuple[float, float]:
    """Processor seconds of the main process and of its children."""
    main, *children = family(worker.pid)
    return spent(main), sum(map(spent, children))


def per_job_since(before: tuple[float, float], worker: OwnProcess, jobs: int) -> dict[str, int]:
    """What was spent since the first job started: importing the project is not counted."""
    main, children = map(sub, worker_times(worker), before)
    return {"worker main": round(main / jobs * 1e6), "worker children": round(children / jobs * 1e6)}


def server_pids() -> dict[str, int]:
    return {server.name: server.pid for server in servers.started if server.pid}


def empty() -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE jobs_job, jobs_attempt, django_celery_results_taskresult")
    with psycopg.connect(os.environ["DATABASE_URL"].rpartition("/")[0] + "/stock", autocommit=True) as raw:
        raw.execute("TRUNCATE django_celery_results_taskresult")
    stream_redis().flushall()
    stream_redis().set(SINCE, 0)  # as one that has its data: of an empty one, workers ask the ledger
    with app.connection_for_write() as found:
        for queue in settings.CELERY_TASK_QUEUES:
            queue.bind(found.default_channel).purge()


def count(what: str) -> int:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT count(*) FROM {what}")
        return int(cursor.fetchone()[0])


def stock_rows() -> int:
    with psycopg.connect(os.environ["DATABASE_URL"].rpartition("/")[0] + "/stock") as raw:
        row = raw.execute("SELECT count(*) FROM django_celery_results_taskresult WHERE status = 'SUCCESS'")
        return int(row.fetchone()[0])  # type: ignore[index]


def started_at(what: str) -> float:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT extract(epoch FROM {what}) FROM jobs_job")
        return float(cursor.fetchone()[0] or 0)


def until(look: Callable[[], float]) -> float:
    deadline = time.monotonic() + DEADLINE_SECONDS
    while not (found := look()):
        if time.monotonic() > deadline:
            raise SystemExit("the run did not end in time")
        time.sleep(0.05)
    return found


def show(run: Run) -> None:
    parts = ", ".join(f"{name} {figure}" for name, figure in run.cpu.items())
    name = f"{run.placing:7} {run.variant:16}"
    print(
        f"{name} {run.jobs_per_second:6} jobs/s  lag {run.lag_seconds:.2f} s  us/job: {parts}",
        flush=True,
    )


def report(runs: list[Run]) -> None:
    speeds: dict[tuple[str, str], list[int]] = {}
    for run in runs:
        speeds.setdefault((run.placing, run.variant), []).append(run.jobs_per_second)
    ours_runs = [run for run in runs if run.variant == "switchyard"]
    reporting.write(
        "throughput",
        {
            f"switchyard / {variant}, {placing}": reporting.ratio(speeds[placing, "switchyard"], theirs)
            for (placing, variant), theirs in speeds.items()
            if variant != "switchyard"
        },
        runs,
        recorder_us_per_job=statistics.median(run.cpu["recorder"] for run in ours_runs),
        lag_seconds=max(run.lag_seconds for run in ours_runs),
        prefetch=int(PREFETCH),
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
