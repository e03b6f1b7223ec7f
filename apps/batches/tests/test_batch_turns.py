"""Several at one batch: whoever adds, finishes, cancels, runs again, in transactions of their own."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from contextlib import contextmanager
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, transaction

from apps.batches import open_batch
from apps.batches.cancelling import Cancelling
from apps.batches.counting import Counts
from apps.batches.errors import BatchBusy, BatchClosed
from apps.batches.models import Batch
from apps.batches.opening import hold
from apps.batches.settling import settle
from apps.batches.tests.living import all_callbacks, called, end, settled
from apps.batches.tests.sample_tasks import part_task
from apps.jobs.tests.ledger import backend, drain, own_stream  # noqa: F401 - a fixture

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("own_stream", "no_others")]

BLOCKED_SECONDS, DEADLINE_SECONDS = 0.5, 20


@pytest.fixture(autouse=True)
def _unpublished(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.jobs.submitting.publish_soon", lambda _jobs: None)


class Other:
    """What another process does meanwhile."""

    def __init__(self, work: Callable[[], Any]) -> None:
        self.work = work
        pool = ThreadPoolExecutor(1)
        self.future = pool.submit(self.run)
        pool.shutdown(wait=False)

    def run(self) -> None:
        try:
            self.work()
        finally:
            connection.close()

    def waits(self) -> bool:
        return bool(wait([self.future], BLOCKED_SECONDS).not_done)

    def done(self) -> BaseException | None:
        """What it ended with."""
        return self.future.exception(DEADLINE_SECONDS)


@contextmanager
def impatient() -> Iterator[None]:
    """As connections are in production."""
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '200ms'")
        yield
        cursor.execute("RESET lock_timeout")


def test_a_batch_is_closed_and_cancelled_while_somebody_adds() -> None:
    batch = open_batch("import")
    with transaction.atomic():
        batch.add_many(part_task, [[number] for number in range(3)])
        assert Other(batch.close).done() is None
        assert Other(lambda: batch.cancel(by="alice")).done() is None
        Other(lambda: settle(batch.id)).done()
    assert (batch.row().cancelled_by, batch.row().finished_at) == ("alice", None)
    assert batch.counts() == Counts(total=3)


def test_a_message_sent_again_while_the_batch_is_finished_opens_it() -> None:
    with open_batch("import", **all_callbacks()) as batch:
        job = batch.add(part_task)
    end([job], "FAILURE")

    def send_again() -> None:
        backend().reopen(job.id, "PENDING", "{}")
        drain()

    with transaction.atomic():
        assert settle(batch.id)
        recorder = Other(send_again)
        assert recorder.waits()
    assert recorder.done() is None
    assert settled(batch.id).finished_at is None
    assert batch.counts() == Counts(total=1)
    end([job])
    assert settled(batch.id).outcome == "succeeded"
    assert sorted(called(batch.id)) == ["failure", "finished", "finished", "success"]


def test_who_acts_on_an_inner_batch_waits_for_the_outer_one_first() -> None:
    with open_batch("outer") as outer, outer.open_batch("inner") as inner:
        job = inner.add(part_task)
    end([job], "FAILURE")
    settled(outer.id)
    with transaction.atomic():
        hold([outer.id])
        other = Other(inner.retry)
        assert other.waits()
        with connection.cursor() as cursor:
            cursor.execute("SELECT id FROM batches_batch WHERE id = %s FOR UPDATE NOWAIT", [inner.id])
    assert other.done() is None
    assert (inner.row().round, outer.row().round) == (2, 2)


def test_who_waits_too_long_is_told_to_try_again() -> None:
    with open_batch("import") as batch:
        job = batch.add(part_task)
    end([job], "FAILURE")

    def retry() -> None:
        with impatient():
            batch.retry()

    def by_command() -> None:
        with impatient():
            call_command("batch", "cancel", str(batch.id), stdout=StringIO())

    with transaction.atomic():
        hold([batch.id])
        refused, said = Other(retry).done(), Other(by_command).done()
    assert isinstance(refused, BatchBusy)
    assert str(refused) == f"batch {batch.id} is in use just now, and nothing was changed; try again"
    assert isinstance(said, CommandError)
    assert said.returncode == 1
    assert (batch.row().round, batch.row().cancelled_at) == (1, None)


def test_a_batch_opened_while_the_outer_one_is_cancelled_is_cancelled_too() -> None:
    outer = open_batch("outer")
    with transaction.atomic():
        inner = outer.open_batch("inner")
        inner.add(part_task)
        innermost = inner.open_batch("innermost")
        innermost.add(part_task)
        assert Other(lambda: outer.cancel(by="alice", why="enough", kill=True)).done() is None
    assert inner.row().cancelled_at is None
    Cancelling().go_on()
    drain()
    for row in Batch.objects.filter(id__in=[inner.id, innermost.id]):
        assert (row.cancelled_by, row.cancelled_why, row.kill) == ("alice", "enough", True)
        assert row.closed_at is not None
    assert settled(outer.id).outcome == "cancelled"
    assert outer.counts() == Counts(total=2, cancelled=2)
    with pytest.raises(BatchClosed):
        inner.add(part_task)
