"""The front door: a batch as code has it in hand."""

import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Unpack

from django.db import connection, transaction

from apps.batches import acting, adding, counting, opening
from apps.batches.acting import Retried
from apps.batches.adding import AnyCall
from apps.batches.callbacks import Callbacks, checked
from apps.batches.counting import Counts
from apps.batches.models import NAME_LENGTH, Batch
from apps.jobs import Call, Job
from apps.jobs.arguments import AnyTask
from apps.jobs.errors import ArgumentError
from apps.jobs.orders import Options
from apps.jobs.progress import current_job_id

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class BatchHandle:
    """With `with`, the batch is closed at the end; if its creator fails, it is cancelled."""

    id: int

    def add(
        self,
        task: str | AnyTask,
        *,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
        **options: Unpack[Options],
    ) -> Job:
        """One member; for many, `add_many` is far quicker. Raises as it does, but names arguments alone."""
        return adding.add(self.id, task, Call(args, kwargs or {}), **options)

    def add_many(
        self, task: str | AnyTask, calls: Iterable[AnyCall], **options: Unpack[Options]
    ) -> list[Job]:
        """One member for each call, all of them or none. Jobs that are `existing` under their keys don't
        become members. Raises UnknownBatch, BatchClosed, and what `submit_many` raises."""
        return adding.add_many(self.id, task, calls, **options)

    def add_chain(self, steps: Sequence[tuple[str, Call]], **options: Unpack[Options]) -> list[Job]:
        """One member for each step, which run one after the other. Raises as `submit_chain` does, too."""
        return adding.add_chain(self.id, steps, **options)

    def open_batch(self, name: str = "", **callbacks: Unpack[Callbacks]) -> "BatchHandle":
        """A batch in this one, which finishes after it. Raises as `open_batch` does."""
        return open_batch(name, parent=self, **callbacks)

    def close(self) -> None:
        """No more is to come from outside: it finishes when its members have ended."""
        acting.close(self.id)

    def counts(self) -> Counts:
        """Raises UnknownBatch."""
        return counting.counts_of([self.row()])[self.id]

    def row(self) -> Batch:
        """As it is now. Raises UnknownBatch."""
        return opening.row_of(self.id)

    def cancel(self, by: str = "", why: str = "", *, kill: bool = False) -> None:
        """Raises UnknownBatch, ArgumentError, BatchBusy."""
        acting.cancel(self.id, by, why, kill=kill)

    def retry(self, by: str = "", *, cancelled: bool = False) -> Retried:
        """Raises as `acting.retry` does: UnknownBatch, ArgumentError, BatchClosed, BatchBusy."""
        return acting.retry(self.id, by, cancelled=cancelled)

    def __enter__(self) -> "BatchHandle":
        if job_id := current_job_id():  # should it be killed in here, the recorder does what `__exit__` would
            opening.enter(self.id, job_id)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.close()
        elif not connection.needs_rollback:  # then all of it goes
            try:
                acting.cancel(self.id, why=f"its creator failed: {type(error).__name__}")
            except Exception:
                logger.exception("batch %s stays open", self.id)


def open_batch(
    name: str = "", *, parent: BatchHandle | None = None, **callbacks: Unpack[Callbacks]
) -> BatchHandle:
    """A new batch that takes members until it is closed:

        with open_batch("import", on_finished=Callback("shop.tasks.tell_task")) as batch:
            batch.add_many("shop.tasks.import_task", ({"row": row} for row in rows))

    `parent` finishes after it. Raises ArgumentError, by callback; UnknownBatch, BatchClosed.
    """
    if not isinstance(name, str) or len(name) > NAME_LENGTH or "\x00" in name:
        raise ArgumentError({"name": f"expected a text of at most {NAME_LENGTH} characters"})
    found = checked(callbacks)
    with transaction.atomic():
        if parent is not None:
            opening.take(parent.id)
        row = Batch.objects.create(
            name=name, parent_id=parent.id if parent else None, callbacks=found, opener=current_job_id() or ""
        )
    return BatchHandle(row.pk)


def current_batch() -> BatchHandle | None:
    """The batch that the job which runs here belongs to, if it does."""
    found = opening.own_batch()
    return BatchHandle(found) if found else None


def find_batch(batch_id: int) -> BatchHandle:
    """Raises UnknownBatch."""
    return BatchHandle(opening.row_of(batch_id).pk)
