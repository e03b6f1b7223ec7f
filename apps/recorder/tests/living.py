"""Calls of the backend for one job, in any order, as workers, the sweeper and people make them."""

from datetime import UTC, datetime
from itertools import count
from typing import Any

from celery.app.task import Context
from hypothesis import strategies as st

from apps.jobs.models import Job
from apps.jobs.noting import append, note_published
from apps.jobs.stream import documents
from apps.jobs.tests.ledger import TASK, backend, entries, request_of
from apps.recorder.batch import Entry

IDS = count()
SUBMITTED_AT = 1_790_000_000.5

RETRIES, NESTING = st.integers(0, 2), st.integers(0, 1)
REDELIVERED, HOST = st.booleans(), st.sampled_from("abc")
WHO = st.sampled_from(["latest", "first", "nobody"])
STARTS = st.tuples(st.just("start"), RETRIES, NESTING, REDELIVERED, HOST)
ENDS = st.tuples(st.sampled_from(["done", "fail", "retry", "revoke", "snooze", "tell", "lose"]), WHO)
OTHERS = st.tuples(st.sampled_from(["reopen", "submitted", "published"]))
STEPS = st.lists(st.one_of(STARTS, STARTS, ENDS, ENDS, OTHERS), min_size=1, max_size=10)


class Life:
    """One job's. Each step is a method's name and what it takes."""

    def __init__(self) -> None:
        self.id = f"life-{next(IDS)}"
        self.tries: list[Context] = []

    def live(self, steps: list[tuple[Any, ...]]) -> list[Entry]:
        """Takes the steps, and returns the entries that became of them."""
        for name, *given in steps:
            getattr(self, name)(*given)
        return [(entry_id, fields) for entry_id, fields in entries() if fields[b"id"] == self.id.encode()]

    def start(self, retries: int, nesting: int, redelivered: bool, host: str) -> None:
        delivery = {"routing_key": "default", "redelivered": redelivered}
        request = request_of(
            self.id,
            retries=retries,
            replaced_task_nesting=nesting,
            hostname=f"{host}@here",
            delivery_info=delivery,
        )
        start = backend().start(request, tracked=True)
        if start.verdict == "run":
            request.update(try_number=start.number, try_token=start.token)
            self.tries.append(request)

    def of(self, who: str) -> Any:
        """The request of a try, or of none; somebody else knows only the job."""
        if not self.tries:
            return request_of(self.id, hostname=None)
        return {"latest": self.tries[-1], "first": self.tries[0]}.get(who)

    def done(self, who: str) -> None:
        backend().mark_as_done(self.id, {"tries": len(self.tries)}, self.of(who))

    def fail(self, who: str) -> None:
        backend().mark_as_failure(self.id, ValueError(f"no, said {who}"), "a trace", self.of(who))

    def revoke(self, who: str) -> None:
        backend().mark_as_revoked(self.id, "expired", self.of(who))

    def tell(self, who: str) -> None:
        told = {"tries": len(self.tries), "who": who}
        backend().store_result(self.id, told, "PROGRESS", request=self.of(who))

    def retry(self, who: str) -> None:
        if self.tries and self.of(who):
            backend().mark_as_retry(self.id, ValueError(f"again, said {who}"), "a trace", self.of(who))

    def snooze(self, who: str) -> None:
        if self.tries and self.of(who):
            backend().snooze(self.of(who), "closed", 5)

    def lose(self, who: str) -> None:
        found = self.of(who) if self.tries else None
        document = documents.plain({"error": "WorkerLostError: gone"})
        backend().lose(self.id, document, found.try_token if found else "")

    def reopen(self) -> None:
        if self.tries:
            backend().reopen(self.id, "PENDING", documents.plain({}))

    def submitted(self) -> None:
        found = {"name": TASK, "queue": "default", "submitted_at": SUBMITTED_AT, "args": [1]}
        document = documents.ledger_document({**found, "kwargs": {"right": 2}})
        append([{"kind": "submitted", "id": self.id, "doc": document}])

    def published(self) -> None:
        note_published([self.id])


def write_down(job_id: str) -> None:
    """The row, as `submit` writes it."""
    Job.objects.create(
        id=job_id,
        task=TASK,
        queue="default",
        priority=5,
        args=[1],
        kwargs={"right": 2},
        submitted_at=datetime.fromtimestamp(SUBMITTED_AT, UTC),
        outbox={},
        root=job_id,
    )
