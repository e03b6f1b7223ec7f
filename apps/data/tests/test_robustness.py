"""Large files and killed workers."""

import os
import random
from collections.abc import Iterator

import psutil
import pytest

from apps.data.importing import CHUNK_ROWS, run_import, start
from apps.data.models import Import
from apps.data.tests.making import received
from apps.jobs.reading import find
from tests.waiting import RecorderProcess, WorkerProcess, ended, wait_until

ROWS = 40_000


@pytest.mark.django_db
def test_fifty_thousand_rows_need_no_more_memory_than_ten_thousand() -> None:
    run_import(received(customers(10_000), key="id").pk)
    large = received(customers(50_000), key="id", dataset="large")
    process = psutil.Process(os.getpid())
    before = process.memory_info().rss
    assert run_import(large.pk)["created"] == 50_000
    assert process.memory_info().rss - before < 50 * 1024 * 1024


@pytest.mark.faults
@pytest.mark.parametrize("key", ["id", ""])
def test_a_killed_worker_s_import_is_finished_by_the_next_one(
    transactional_db: None, broker: str, media: str, victim: WorkerProcess, key: str
) -> None:
    imports = [received(customers(ROWS), key=key, dataset=f"people{number}") for number in range(3)]
    jobs = [start(imported) for imported in imports]
    wait_until(lambda: any(begun_by(victim, imported) for imported in imports), what="a first chunk")
    victim.kill()
    assert Import.objects.filter(rows_read__lt=ROWS).exists()
    victim.start()
    assert [ended(job.id).state for job in jobs] == ["SUCCESS"] * 3
    for imported in Import.objects.all():
        assert (imported.rows_created, imported.rows_updated, imported.rows_duplicate) == (ROWS, 0, 0)
        assert imported.records.values("data__id").distinct().count() == imported.records.count() == ROWS


@pytest.fixture
def victim(no_others: None, transactional_db: None, broker: str) -> Iterator[WorkerProcess]:
    """A worker of our own, to kill, and a recorder that tells what it does."""
    process, recorder = WorkerProcess(concurrency=1), RecorderProcess()
    recorder.start()
    process.start()
    yield process
    process.stop()
    recorder.stop()


def begun_by(worker: WorkerProcess, imported: Import) -> bool:
    imported.refresh_from_db()
    view = find(imported.job_id)
    mine = view is not None and f"test{id(worker)}@" in (view.worker or "")
    return mine and CHUNK_ROWS <= imported.rows_read < ROWS


def customers(count: int) -> str:
    draw = random.Random(7)
    lines = (
        f"C{number:06},Customer {number},c{number}@example.com,{number % 99} Harbour Road,{draw.random()}\n"
        for number in range(count)
    )
    return "id,name,email,street,score\n" + "".join(lines)
