"""The run and its count. Whoever calls has Django set up, on servers of its own."""

import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.db import connection
from django_celery_beat.models import IntervalSchedule, PeriodicTask

from project.servers.guarding import CHILDREN, guard
from tests.waiting import of_test_database, wait_until

TASK = "benchmarks.noop"
LONGEST_SECONDS = 5
SETTLE_SECONDS = 60

# Over all schedules: due times between the first and the last firing of each that didn't fire, and jobs
# that are more or fewer than its firings.
COUNT = """
SELECT count(*), coalesce(sum(fired), 0), coalesce(sum(expected - fired), 0),
    coalesce(sum(greatest(jobs - fired, 0)), 0), coalesce(sum(greatest(fired - jobs, 0)), 0)
FROM (
    SELECT count(*) FILTER (WHERE firing.outcome = 'fired') AS fired,
        round(extract(epoch FROM max(due_at) - min(due_at)) / max(rule.every)) + 1 AS expected,
        (SELECT count(*) FROM jobs_job WHERE jobs_job.schedule = max(schedule.name)) AS jobs
    FROM schedules_firing AS firing
    JOIN django_celery_beat_periodictask AS schedule ON schedule.id = firing.schedule_id
    JOIN django_celery_beat_intervalschedule AS rule ON rule.id = schedule.interval_id
    GROUP BY schedule.id
) AS each
"""
FIRST_MISSED = """
SELECT count(*) FROM schedules_timing AS timing
JOIN django_celery_beat_intervalschedule AS rule ON rule.id =
    (SELECT interval_id FROM django_celery_beat_periodictask WHERE id = timing.periodic_task_id)
WHERE (SELECT min(due_at) FROM schedules_firing WHERE schedule_id = timing.periodic_task_id)
    IS DISTINCT FROM timing.anchor_at + rule.every * interval '1 second'
"""
FIRED = "SELECT count(*) FROM schedules_firing"
LAG = """
SELECT coalesce(percentile_cont(0.5) WITHIN GROUP (ORDER BY lag), '0'),
    coalesce(percentile_cont(0.99) WITHIN GROUP (ORDER BY lag), '0'), coalesce(max(lag), '0')
FROM schedules_firing
"""


@dataclass(frozen=True)
class Verdict:
    """`missing`: due times that did not fire. `doubled`, `lost`: more or fewer jobs than firings."""

    schedules: int
    firings: int
    missing: int
    doubled: int
    lost: int
    killed: int
    lag: str

    @property
    def line(self) -> str:
        names = ("schedules", "firings", "missing", "doubled", "lost", "killed")
        return "beats: " + " ".join(f"{name}={getattr(self, name)}" for name in names)

    @property
    def clean(self) -> bool:
        return self.firings > 0 and not (self.missing or self.doubled or self.lost)


class Beats:
    """Processes of `celery beat`, as many as there shall be."""

    def __init__(self, count: int, folder: Path) -> None:
        self.folder = folder
        self.alive = [self.begin(number) for number in range(count)]
        self.killed = 0

    def begin(self, number: int) -> "subprocess.Popen[bytes]":
        argv = [sys.executable, "-m", "celery", "-A", "project", "beat", "-l", "WARNING",
                "--pidfile", str(self.folder / f"beat-{number}-{time.monotonic_ns()}.pid")]  # fmt: skip
        environment = os.environ | of_test_database() | {"CELERY_TASK_STRICT": "false"}
        with (self.folder / f"beat-{number}.log").open("ab") as out:
            process = subprocess.Popen(
                argv,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=out,
                start_new_session=True,
            )
        guard().watch(process.pid, signal.SIGKILL, 0, CHILDREN)
        return process

    def kill_one(self, dice: random.Random) -> None:
        number = dice.randrange(len(self.alive))
        self.alive[number].kill()
        self.alive[number].wait()
        self.killed += 1
        self.alive[number] = self.begin(number)

    def stop(self) -> None:
        for process in self.alive:
            process.terminate()
        for process in self.alive:
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def run(schedules: int, seconds: float, beats: int, folder: Path, kill_every: float = 5.0) -> Verdict:
    dice = random.Random(7)
    make(schedules)
    running = Beats(beats, folder)
    try:
        wait_until(
            lambda: number("SELECT count(*) FROM schedules_firing") > 0, SETTLE_SECONDS, "beat to fire"
        )
        ends = time.monotonic() + seconds
        while (left := ends - time.monotonic()) > 0:
            time.sleep(min(left, kill_every))
            if time.monotonic() < ends:
                running.kill_one(dice)
        PeriodicTask.objects.update(enabled=False)
        wait_until(lambda: not number(
            "SELECT count(*) FROM schedules_timing WHERE stale <> '' OR next_run_at IS NOT NULL"
        ), SETTLE_SECONDS, "beat to see that all are disabled")  # fmt: skip
    finally:
        running.stop()
    return judge(running.killed)


def make(schedules: int) -> None:
    rules = {
        every: IntervalSchedule.objects.get_or_create(every=every, period="seconds")[0]
        for every in range(1, LONGEST_SECONDS + 1)
    }
    PeriodicTask.objects.bulk_create(
        PeriodicTask(name=f"tick {n}", task=TASK, interval=rules[n % LONGEST_SECONDS + 1])
        for n in range(schedules)
    )


def judge(killed: int) -> Verdict:
    schedules, firings, missing, doubled, lost = map(int, row(COUNT))
    missing += number(FIRST_MISSED)
    lag = ", ".join(f"{value.total_seconds():.2f} s" for value in row(LAG))
    return Verdict(schedules, firings, missing, doubled, lost, killed, lag)


def number(statement: str) -> int:
    return int(row(statement)[0])


def row(statement: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        found: tuple[Any, ...] = cursor.fetchone()
    return found
