"""Hands in its share of jobs: `python -m tests.chaos.submitter STYLE SEED FIRST JOBS SECONDS`.

STYLE "submit": single ones and many at once, in transactions; what counts is the committed row. "delay":
plain Celery; what counts is that the call returned. A submitter that was killed begins again where its
own rows end.
"""

import os
import random
import sys
import time
from collections.abc import Callable
from functools import partial
from typing import TypeVar

os.environ["DJANGO_SETTINGS_MODULE"] = "project.settings"

import django

django.setup()

from django.db import DatabaseError, connection, transaction  # noqa: E402
from kombu.exceptions import OperationalError  # noqa: E402

from apps.jobs import submit, submit_many  # noqa: E402
from project.celery import app  # noqa: E402
from tests.chaos.jobs import TASK, effect_task, note  # noqa: E402

MANY = 10

Found = TypeVar("Found")


def main() -> None:
    style, seed, first, jobs, seconds = sys.argv[1], *map(int, sys.argv[2:6])
    app.finalize()
    place, pause = done_before(style, first, jobs), seconds / max(1, jobs)
    sys.stdout.write("submitter ready\n")
    sys.stdout.flush()
    while place < first + jobs:
        count = min(MANY, first + jobs - place) if style == "submit" and place % 3 == 0 else 1
        insist(partial(HAND_IN[style], [arguments(seed, number) for number in range(place, place + count)]))
        place += count
        time.sleep(pause * count)


def done_before(style: str, first: int, jobs: int) -> int:
    """The first number that has not been handed in yet."""
    found = insist(lambda: numbers(style))
    return 1 + max((number for number in found if first <= number < first + jobs), default=first - 1)


def numbers(style: str) -> list[int]:
    table = "SELECT kwargs->>'name' FROM jobs_job" if style == "submit" else "SELECT job_id FROM chaos_sent"
    with connection.cursor() as cursor:
        cursor.execute(table)
        return [int(row[0].rpartition("-")[2]) for row in cursor.fetchall()]


def arguments(seed: int, number: int) -> dict[str, object]:
    dice = random.Random(f"{seed}:{number}")
    return {
        "name": f"effect-{number}",
        "sleep_ms": dice.choice([0, 0, 5, 20, 100, 300]),
        "stumbles": dice.choice([0] * 8 + [1, 2]),
        "naps": dice.choice([0] * 9 + [1]),
    }


def submit_all(calls: list[dict[str, object]]) -> None:
    with transaction.atomic():
        if len(calls) > 1:
            submit_many(TASK, calls)
        else:
            submit(TASK, kwargs=calls[0])


def delay_all(calls: list[dict[str, object]]) -> None:
    for call in calls:
        job_id = f"delay-{call['name']}"
        effect_task.apply_async(kwargs=call, task_id=job_id)
        insist(partial(note, "INSERT INTO chaos_sent VALUES (%s) ON CONFLICT DO NOTHING", job_id))


HAND_IN: dict[str, Callable[[list[dict[str, object]]], None]] = {"submit": submit_all, "delay": delay_all}


def insist(act: Callable[[], Found]) -> Found:
    """Once more until it works: the caller of a web page would see an error and try again."""
    broker = app.connection_for_write()
    away: tuple[type[BaseException], ...] = (DatabaseError, OSError, OperationalError)
    away += broker.recoverable_connection_errors
    away += broker.recoverable_channel_errors
    while True:
        try:
            return act()
        except away as error:
            sys.stderr.write(f"again after {type(error).__name__}: {error}\n")
            connection.close()
            time.sleep(0.2)


if __name__ == "__main__":
    main()
