"""What a test handed in."""

from collections import deque
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from types import TracebackType
from typing import Any
from unittest.mock import patch

from celery import current_app
from django.db import DEFAULT_DB_ALIAS, connection, connections

from apps.jobs.models import Job
from apps.testing.capturing import Captured, Sent, capturing
from apps.testing.matching import Submitted, matches, wanted
from apps.testing.running import SNOOZED, Ran, run, write

RUNS_MOST = 1000


class Jobs:
    """Everything that is submitted, or sent with Celery's `.delay()`, while this is entered.

    Nothing of it leaves the test. What is rolled back was never submitted. The test is taken for committed:
    what it left to `transaction.on_commit` is done when it is asked for.
    """

    def __enter__(self) -> "Jobs":
        self.before = set(Job.objects.values_list("id", flat=True))
        self.ran: list[Ran] = []
        self.seen: dict[str, Sent] = {}
        self.again: deque[Sent] = deque()
        self.asleep: list[Sent] = []
        self.stack = ExitStack()
        self.captured: Captured = self.stack.enter_context(capturing())
        here = connections[DEFAULT_DB_ALIAS]
        leave = here.on_commit
        self.stack.enter_context(
            patch.object(here, "on_commit", lambda func, robust=False: leave(Once(func), robust))
        )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stack.close()

    # --- what was handed in ---------------------------------------------------------------------

    def submitted(self, task: Any = None, /, *args: Any, **kwargs: Any) -> list[Submitted]:
        """Those of that task (itself or its name) that have these arguments; others may have any value.

        In the order in which they were handed in, whether they have run or not. Raises UnknownTask, and
        TypeError for an argument that the task doesn't take.
        """
        self.commit()
        asked = wanted(task, args, kwargs) if task is not None else None
        return [found for found in self.everything() if asked is None or matches(found, *asked)]

    def assert_submitted(self, task: Any, /, *args: Any, **kwargs: Any) -> Submitted:
        """Returns the last of them. Raises AssertionError, which lists what was handed in."""
        found = self.submitted(task, *args, **kwargs)
        if not found:
            raise AssertionError(f"not handed in: {called(task, args, kwargs)}\n{self.listed()}")
        return found[-1]

    def assert_not_submitted(self, task: Any = None, /, *args: Any, **kwargs: Any) -> None:
        if self.submitted(task, *args, **kwargs):
            raise AssertionError(f"handed in: {called(task, args, kwargs)}\n{self.listed()}")

    @property
    def pending(self) -> list[Submitted]:
        """What `run_pending` would run first, in that order."""
        self.commit()
        return [Submitted.of(sent) for sent in [*self.again, *self.waiting()]]

    # --- running it -----------------------------------------------------------------------------

    def run_pending(self, *, may_fail: bool = False) -> list[Ran]:
        """Runs it all here and now, in order, and what that hands in. Returns each try.

        Delays are not waited for. A job that is to be tried again is, at once, until its tries are used up;
        one that snoozes waits for the next call. Raises AssertionError when one failed, caused by its error,
        unless it `may_fail`, and when there is no end to it.
        """
        self.again.extend(self.asleep)
        self.asleep.clear()
        ran: list[Ran] = []
        self.commit()
        while sent := self.next():
            if len(ran) == RUNS_MOST:
                raise AssertionError(f"{RUNS_MOST} runs, and no end: {sent.task} is next")
            ran.append(self.run_one(sent))
            self.commit()
        failed = [found for found in ran if found.state == "FAILURE"]
        if failed and not may_fail:
            raise AssertionError("\n".join(["failed:", *map(str, failed)])) from failed[0].error
        return ran

    def next(self) -> Sent | None:
        if self.again:
            return self.again.popleft()
        return next(iter(self.waiting()), None)

    def run_one(self, sent: Sent) -> Ran:
        if sent in self.captured.sent:
            self.captured.sent.remove(sent)
        self.seen.setdefault(sent.id, sent)
        found = run(sent)
        mine = [again for again in self.captured.sent if again.id == sent.id]
        self.captured.sent = [other for other in self.captured.sent if other.id != sent.id]
        if mine and found.state == "REVOKED" and not replaces(mine[0], sent):  # it has put itself off
            found = replace(found, state=SNOOZED, error=None)
            self.asleep += mine
        else:
            self.again.extendleft(mine)
        write(sent, found)
        self.ran.append(found)
        return found

    def waiting(self) -> list[Sent]:
        """What has not run yet: rows with their outbox, and messages."""
        rows = Job.objects.filter(outbox__isnull=False).exclude(id__in=self.before)
        found = [Sent.of_job(job) for job in rows] + self.captured.sent
        return sorted(found, key=lambda sent: sent.at)

    def everything(self) -> list[Submitted]:
        rows = {job.id: job for job in Job.objects.exclude(id__in=self.before)}
        sent = {found.id: found for found in [*self.asleep, *self.again, *self.waiting()]} | self.seen
        found = [Submitted.of(one, rows.get(one.id)) for one in sent.values()]
        found += [Submitted.of_row(job) for job in rows.values() if job.id not in sent]
        return sorted(found, key=lambda one: one.at)

    def commit(self) -> None:
        """In a test's own transaction nothing is ever committed: what waits for that is done here."""
        while waiting := [entry[1] for entry in connection.run_on_commit if is_due(entry[1])]:
            for callback in waiting:
                callback()

    def listed(self) -> str:
        found = [f"  {one}" for one in self.everything()]
        return "\n".join(["what was:", *found]) if found else "nothing was"


class Once:
    """What waits for the commit: here it is done once, whoever thinks that he commits."""

    def __init__(self, func: Callable[[], object]) -> None:
        self.func = func
        self.done = False

    def __call__(self) -> None:
        if not self.done:
            self.done = True
            self.func()


def is_due(callback: Any) -> bool:
    return isinstance(callback, Once) and not callback.done


def replaces(again: Sent, sent: Sent) -> bool:
    """Whether it is another task that takes the job on: Celery's `Task.replace`."""
    nesting, before = (one.headers.get("replaced_task_nesting") or 0 for one in (again, sent))
    return bool(nesting > before)


def called(task: Any, args: Any, kwargs: Any) -> str:
    if task is None:
        return "anything"
    name = task if isinstance(task, str) else current_app.tasks[task.name].name
    values = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
    return f"{name}({', '.join(values)})"
