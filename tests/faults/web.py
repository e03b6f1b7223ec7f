"""A web process of the tests: `python -m tests.faults.web BOX` takes one order a line from a named pipe.

An order: `calls` (named arguments of `effect_task`, or of `task`), `options` for `submit`, and `how`:
"one" after the other, "together" in as many threads, "many" in one statement, "die" between
commit and publish; or "cancel", where each call is the `id` of a job. It writes what came of it to the file
`answer`.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import django

django.setup()

from django.db import connection, transaction  # noqa: E402

from apps.jobs import submit, submit_many  # noqa: E402
from apps.jobs.acting import cancel  # noqa: E402
from project.celery import app  # noqa: E402
from tests.chaos.jobs import TASK  # noqa: E402

Order = dict[str, Any]


def main(box: Path) -> None:
    app.finalize()
    app.loader.import_module("apps.jobs.tests.loss_tasks")
    sys.stdout.write("web ready\n")
    sys.stdout.flush()
    while True:
        with box.open() as lines:
            for line in lines:
                order = json.loads(line)
                answer(order, HOW[order.get("how", "one")](order))


def answer(order: Order, found: list[tuple[list[str], float]]) -> None:
    said = {"ids": [job_id for ids, _ in found for job_id in ids], "seconds": max(took for _, took in found)}
    half = Path(f"{order['answer']}.half")
    half.write_text(json.dumps(said))
    half.rename(order["answer"])


def one_by_one(order: Order) -> list[tuple[list[str], float]]:
    return [timed(partial(submit_one, order, call)) for call in order["calls"]]


def together(order: Order) -> list[tuple[list[str], float]]:
    with ThreadPoolExecutor(len(order["calls"])) as pool:
        return list(pool.map(lambda call: timed(partial(submit_one, order, call)), order["calls"]))


def many(order: Order) -> list[tuple[list[str], float]]:
    return [timed(partial(submit_all, order))]


def die(order: Order) -> list[tuple[list[str], float]]:
    with transaction.atomic():
        transaction.on_commit(lambda: os._exit(9))
        return one_by_one(order)


def submit_one(order: Order, call: dict[str, Any]) -> list[str]:
    return [submit(order.get("task", TASK), kwargs=call, **order.get("options", {})).id]


def submit_all(order: Order) -> list[str]:
    jobs = submit_many(order.get("task", TASK), order["calls"], **order.get("options", {}))
    return [job.id for job in jobs]


def timed(act: Callable[[], list[str]]) -> tuple[list[str], float]:
    began = time.monotonic()
    try:
        return act(), time.monotonic() - began
    finally:
        if not connection.in_atomic_block:
            connection.close()


def cancel_all(order: Order) -> list[tuple[list[str], float]]:
    return [timed(lambda: [cancel(call["id"]).id for call in order["calls"]])]


HOW = {"one": one_by_one, "together": together, "many": many, "die": die, "cancel": cancel_all}

if __name__ == "__main__":
    main(Path(sys.argv[1]))
