"""When ten jobs of priority 0 start behind 10,000 low ones. `python benchmarks/priorities.py [jobs] [runs]`

On RabbitMQ, and on Valkey through kombu as `manage.py up` has it, in turns. Two workers run: `general`,
which has all the low jobs before it, each of 10 ms, and `urgent`. Measured is the time from handing a job
in to its start; a ratio is that of the latest of the ten to the second that it may take. On Valkey ten
jobs of priority 3, which wait in the queue of the low ones, are measured too.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.servers import servers  # noqa: E402 - sets the environment that Django's settings read

os.environ |= {"DJANGO_SETTINGS_MODULE": "project.settings"}

import django  # noqa: E402

django.setup()

import pytest  # noqa: E402
from django.conf import settings  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402

from apps.jobs import submit, submit_many  # noqa: E402
from apps.jobs.publishing import flush  # noqa: E402
from apps.jobs.state import state_redis  # noqa: E402
from apps.messaging.tests.places import Place, move_here  # noqa: E402
from benchmarks import reporting  # noqa: E402
from benchmarks.noop import STARTS, stamp_task  # noqa: E402
from project.servers.valkey import Valkey  # noqa: E402
from tests.waiting import OwnProcess, wait_until  # noqa: E402

LOW, ABOVE, FIRST = 9, 3, 0
LOW_SECONDS = 0.01
TEN = 10
BUDGET_SECONDS = 1.0


@dataclass(frozen=True)
class Run:
    """Seconds from the submission to the start of each of ten jobs of `priority`, in order.

    `low_left` is how many of the low jobs had not started when the last of the ten had.
    """

    broker: str
    priority: int
    jobs: int
    low_left: int
    seconds: tuple[float, ...]


def main() -> None:
    jobs = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000
    times = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    servers.start_broker()
    assert servers.broker is not None
    valkey = Valkey(servers.folder / "embedded", "bench", durable=False)
    valkey.start()
    connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
    call_command("topology", verbosity=0)
    places = {
        "rabbitmq": Place(servers.broker.url, servers.broker.management_url),
        "valkey": Place(valkey.url),
    }
    runs: list[Run] = []
    try:
        for _ in range(times):
            for name, place in places.items():
                runs += measured(name, place, jobs)
    finally:
        connection.close()
        connection.creation.destroy_test_db("", verbosity=0)
        valkey.kill()
        servers.stop()
    report(runs)


def measured(name: str, place: Place, jobs: int) -> list[Run]:
    with pytest.MonkeyPatch.context() as patch:
        move_here(place, patch, settings)
        place.declare()
        empty(place)
        submit_many(stamp_task, [[f"low {n}", LOW_SECONDS] for n in range(jobs)], priority=LOW)
        flush(120)
        with workers(place):
            wait_until(lambda: started("low") >= TEN, what="the low jobs to run")
            priorities = [FIRST] if place.amqp else [FIRST, ABOVE]
            found = [ten(name, priority, jobs) for priority in priorities]
        empty(place)
        flush()
    return found


def ten(name: str, priority: int, jobs: int) -> Run:
    handed_in = {}
    for number in range(TEN):
        key = f"p{priority} {number}"
        handed_in[key] = time.time()
        submit(stamp_task, args=[key], priority=priority)
    wait_until(lambda: started(f"p{priority}") == TEN, what=f"the jobs of priority {priority}")
    left = jobs - started("low")
    starts = {key: float(moment) for key, moment in state_redis().hgetall(STARTS).items()}
    run = Run(name, priority, jobs, left, tuple(round(starts[key] - at, 3) for key, at in handed_in.items()))
    show(run)
    return run


def started(kind: str) -> int:
    return sum(str(key).startswith(f"{kind} ") for key in state_redis().hkeys(STARTS))


@contextmanager
def workers(place: Place) -> Iterator[None]:
    """Both as `manage.py up` starts them, on that broker."""
    environment = {name: text for name, text in place.environment.items() if name.startswith("CELERY_")}
    environment["CELERY_WORKER_CONCURRENCY"] = "2"
    words = ("-I", "benchmarks.noop")
    found = [
        OwnProcess([sys.executable, "manage.py", "worker", name, *words], " ready.", environment)
        for name in ("urgent", "general")
    ]
    try:
        for process in found:
            process.start()
        yield
    finally:
        for process in found:
            process.kill()


def empty(place: Place) -> None:
    with connection.cursor() as cursor:
        cursor.execute("TRUNCATE jobs_job, jobs_attempt, django_celery_results_taskresult")
    state_redis().flushall()
    with place.channel() as channel:
        for queue in settings.CELERY_TASK_QUEUES:
            channel.queue_purge(queue.name)


def show(run: Run) -> None:
    if run.broker and not getattr(show, "begun", False):
        print(f"{'broker':10} {'priority':>8} {'low jobs left':>13} {'median':>8} {'latest':>8}")
        show.begun = True  # type: ignore[attr-defined]
    middle, latest = sorted(run.seconds)[TEN // 2], max(run.seconds)
    print(f"{run.broker:10} {run.priority:8} {run.low_left:13} {middle:6.3f} s {latest:6.3f} s", flush=True)


def report(runs: list[Run]) -> None:
    """The worst of all runs counts."""
    kinds = dict.fromkeys((run.broker, run.priority) for run in runs)
    reporting.write(
        "priorities",
        {
            f"latest start / {BUDGET_SECONDS:g} s, priority {priority}, {broker}": round(
                max(max(run.seconds) for run in runs if (run.broker, run.priority) == (broker, priority))
                / BUDGET_SECONDS,
                3,
            )
            for broker, priority in kinds
        },
        runs,
    )


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    main()
