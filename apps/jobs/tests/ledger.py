"""The ledger as tests see it: entries of the stream, and the rows that become of them."""

from collections.abc import Iterable, Iterator, Set
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import pytest
from celery import current_app
from celery.app.task import Context
from celery.app.trace import build_tracer
from django_celery_results.models import TaskResult

from apps.jobs import noting, results
from apps.jobs.arguments import AnyTask
from apps.jobs.models import Attempt, Job
from apps.jobs.results import LedgerBackend
from apps.jobs.stream.names import SINCE
from apps.jobs.stream.reaching import stream_redis
from apps.recorder import reading
from apps.recorder.batch import Entry
from apps.recorder.recording import record

TASK = "apps.jobs.tests.sample_tasks.add_task"
UNSTEADY = {"id", "date_created"}  # of TaskResult: a number, and when it was first written


@pytest.fixture
def own_stream(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A stream that no recorder reads: the shared one of the run takes what it finds at any time.

    Its Redis has never lost anything.
    """
    stream_redis().set(SINCE, 0)
    name = f"test:{uuid4()}"
    for module in (results, noting, reading):
        monkeypatch.setattr(module, "STREAM", name)
    yield
    stream_redis().delete(name)


def stream_name() -> str:
    return str(vars(results)["STREAM"])


def entries() -> list[Entry]:
    """What lies in the stream."""
    found: Any = stream_redis().xrange(stream_name())
    return list(found)


def kinds(job_id: str = "") -> list[str]:
    return [
        fields[b"kind"].decode() for _, fields in entries() if not job_id or fields[b"id"] == job_id.encode()
    ]


def drain() -> int:
    """Records what lies in the stream, as the recorder would; returns how much that was."""
    found = entries()
    if found:
        record(found)
        stream_redis().xdel(stream_name(), *[entry_id for entry_id, _ in found])
    return len(found)


def backend() -> LedgerBackend:
    found = current_app.backend
    assert isinstance(found, LedgerBackend)
    return found


def request_of(job_id: str, **more: Any) -> Any:
    """One delivery of a job's message, as a worker's process sees it."""
    given = {
        "id": job_id,
        "task": TASK,
        "args": [1],
        "kwargs": {"right": 2},
        "argsrepr": "(1,)",
        "kwargsrepr": "{'right': 2}",
        "hostname": "first@here",
        "delivery_info": {"routing_key": "default", "redelivered": False},
        "submitted_at": 1_790_000_000.5,
        "root_id": job_id,
        "called_directly": False,
    }
    return Context({**given, **more})


def started(request: Any, *, tracked: bool = True) -> Any:
    """The same after its try has begun. Fails if it may not run."""
    start = backend().start(request, tracked=tracked)
    assert start.verdict == "run", start.verdict
    request.update(try_number=start.number, try_token=start.token)
    return request


def deliver(task: AnyTask, /, *args: Any, **of_request: Any) -> str:
    """Runs a message in this process, as a worker's process does; returns the state it came to."""
    given = {"argsrepr": repr(args), "kwargsrepr": "{}", "kwargs": {}, **of_request, "task": task.name}
    request = request_of(given.pop("id", "one"), args=list(args), **given)
    task.__trace__ = None
    tracer: Any = build_tracer(
        task.name, current_app.tasks[task.name], app=current_app, hostname="first@here"
    )
    outcome = tracer(request.id, args, request.kwargs, vars(request))
    return str(outcome.info.state if outcome.info else "SUCCESS")


@dataclass(frozen=True)
class Picture:
    """Everything the ledger says of one job."""

    job: dict[str, Any] | None
    mirror: dict[str, Any] | None
    tries: list[dict[str, Any]]


def differences(found: Picture, expected: Picture) -> dict[str, Any]:
    """Only what differs, as (found, expected)."""
    rows = [("job", found.job, expected.job), ("mirror", found.mirror, expected.mirror)]
    tries = zip(found.tries, expected.tries, strict=False)
    rows += [(f"try {number}", a, b) for number, (a, b) in enumerate(tries, start=1)]
    unlike = {
        f"{name}.{column}": ((a or {}).get(column), (b or {}).get(column))
        for name, a, b in rows
        for column in {**(a or {}), **(b or {})}
        if (a or {}).get(column) != (b or {}).get(column)
    }
    return unlike if len(found.tries) == len(expected.tries) else unlike | {"tries": len(found.tries)}


def picture(job_id: str) -> Picture:
    return Picture(
        job=columns(rows_of(Job, id=job_id)),
        mirror=columns(rows_of(TaskResult, task_id=job_id), UNSTEADY),
        tries=rows_of(Attempt, job_id=job_id),
    )


def rows_of(model: Any, **of_job: str) -> list[dict[str, Any]]:
    return list(model.objects.filter(**of_job).order_by("pk").values())


def columns(rows: Iterable[dict[str, Any]], but: Set[str] = frozenset()) -> dict[str, Any] | None:
    found = [{name: value for name, value in row.items() if name not in but} for row in rows]
    assert len(found) <= 1
    return found[0] if found else None


def forget(job_id: str) -> None:
    Job.objects.filter(id=job_id).delete()
    TaskResult.objects.filter(task_id=job_id).delete()
    Attempt.objects.filter(job_id=job_id).delete()
