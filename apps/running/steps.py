"""Long loops that may be stopped between two steps, and go on from there."""

import time
from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

from celery.app.task import Context
from django.db.models import QuerySet

from apps.jobs.errors import ArgumentError, Interrupted, Superseded
from apps.jobs.joblog import running_here
from apps.jobs.progress import check_cancelled, progress
from apps.jobs.stream.names import place
from apps.running import cursors
from apps.running.cursors import Place
from apps.running.stopping import why_stop

BATCH = 500
SAVE_SECONDS = 1.0

Item = TypeVar("Item")
Source = QuerySet[Any] | Callable[[Any], Iterable[Item]]


def steps(
    source: Source[Item],
    *,
    cursor: Callable[[Item], Any] | None = None,
    name: str = "",
    total: int = 0,
    every_seconds: float = SAVE_SECONDS,
) -> Iterator[Item]:
    """Yields the items of `source`, and notes in PostgreSQL how far the job is.

    A queryset is read by its primary key. Another source is called with the last cursor, None at the
    beginning, and gives the items after it; `cursor` says which of an item is that: plain JSON. A job with
    several loops gives each a `name`. With `total` the steps are told as progress.

    Between two steps the job stops when its worker shall stop or it is paused, and goes on at its next
    delivery, which costs no retry; when it was asked to end, it ends. After a kill it goes on from what was
    noted last, at most `every_seconds` (0: each step) before, so those steps run again. Outside a job
    nothing is noted. Raises ArgumentError.
    """
    loop = Loop(running_here(), name, every_seconds)
    key = key_of(source, cursor)
    for item in items_after(source, loop.begin()):
        value = key(item)  # before the job has it: it may delete the row
        yield item
        loop.step(value, total)
    loop.save()


def last_cursor(name: str = "") -> Any:
    """Of a loop of one's own: what `checkpoint` noted last; None at the beginning and outside a job."""
    return Loop(running_here(), name).begin()


def checkpoint(cursor: Any, name: str = "") -> None:
    """Notes the cursor, together with what else the transaction writes; then stops the job if it shall stop.

    In a transaction it only notes: call `stop_if_asked` behind it, or the work would be rolled back.
    """
    loop = Loop(running_here(), name)
    loop.note(cursor)
    loop.save()
    if not cursors.in_transaction():
        loop.stop_if_asked()


def stop_if_asked() -> None:
    """Stops the job here if its worker stops, or it is paused or was asked to end."""
    Loop(running_here()).stop_if_asked()


class Loop:
    """One loop of the running job; without a `request` it notes nothing and never stops."""

    def __init__(self, request: Context | None, name: str = "", every_seconds: float = 0) -> None:
        self.request, self.every_seconds = request, every_seconds
        token = str(request.get("try_token") or "") if request else ""
        self.place = Place(str(request.id) if request else "", number_of(token), name)
        self.value: Any = None
        self.done = 0
        self.unsaved = 0
        self.saved_at = time.monotonic()

    def begin(self) -> Any:
        """Where an earlier try came to."""
        if self.request is not None:
            self.value, self.done = cursors.load(self.place)
        return self.value

    def step(self, value: Any, total: int) -> None:
        self.note(value)
        if total:
            progress(self.done, total)
        if time.monotonic() - self.saved_at >= self.every_seconds:
            self.save()
        self.stop_if_asked()

    def note(self, value: Any) -> None:
        self.value = value
        self.done += 1
        self.unsaved += 1

    def save(self) -> None:
        self.saved_at = time.monotonic()
        if self.request is None or not self.unsaved:
            return
        if not cursors.save(self.place, self.value, self.unsaved):
            raise Superseded("a later try of the job has begun")
        self.unsaved = 0

    def stop_if_asked(self) -> None:
        if self.request is None:
            return
        check_cancelled()
        if why := why_stop(self.request):
            self.save()
            raise Interrupted(why)


def number_of(token: str) -> int:
    """Of a try. It grows by time, also when Redis has lost its data and counts tries anew."""
    return place(token) if token else 0


def key_of(source: Source[Item], cursor: Callable[[Item], Any] | None) -> Callable[[Any], Any]:
    if isinstance(source, QuerySet):
        if source.query.is_sliced:
            raise ArgumentError({"source": "expected a queryset that isn't sliced"})
        if cursor is not None:
            raise ArgumentError({"cursor": "expected none: a queryset is read by its primary key"})
        return primary_key
    if cursor is None:
        raise ArgumentError({"cursor": "expected a function that gives an item's cursor"})
    return cursor


def primary_key(row: Any) -> Any:
    return row.pk if isinstance(row.pk, int | str) else str(row.pk)


def items_after(source: Source[Item], after: Any) -> Iterable[Any]:
    return by_key(source, after) if isinstance(source, QuerySet) else source(after)


def by_key(source: QuerySet[Any], after: Any) -> Iterator[Any]:
    """In batches, so that no transaction or cursor of the database stays open."""
    rows = source.order_by("pk")
    batch = list((rows if after is None else rows.filter(pk__gt=after))[:BATCH])
    while batch:
        last = batch[-1].pk
        yield from batch
        batch = list(rows.filter(pk__gt=last)[:BATCH])
