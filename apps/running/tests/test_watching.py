"""What a worker does to the process of a job that goes on, in order."""

import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from celery.concurrency.prefork import TaskPool
from celery.worker import state

from apps.running import watching
from apps.running.watching import LAST_SECONDS, Asked, Watch


class Running:
    """A request whose process does not answer."""

    id, task, worker_pid = "one", None, 5

    def __init__(self) -> None:
        self.told: list[Any] = []

    def _apply_result(self) -> Any:
        return SimpleNamespace(ready=lambda: False)

    def humaninfo(self) -> str:
        return self.id

    def terminate(self, pool: Any) -> None:
        self.told.append(pool)


@pytest.fixture
def request_() -> Iterator[Any]:
    found: Any = Running()
    state.active_requests.add(found)
    yield found
    state.active_requests.discard(found)


def test_it_has_its_seconds_from_when_it_was_told_to_go(
    request_: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "ledger_backend", lambda _task: None)
    soon: list[Any] = []
    consumer = SimpleNamespace(call_soon=lambda *call: soon.append(call))
    watch = Watch(SimpleNamespace(pool=TaskPool.__new__(TaskPool), consumer=consumer))
    asked = watch.asked["one"] = Asked(request_, 0)
    watch.end(asked)
    watch.finish("one", asked, time.monotonic() + 60)
    [(tell, *about)] = soon  # the loop of the worker is busy: it was not told yet
    tell(*about)
    assert len(request_.told) == 1
    watch.finish("one", asked, time.monotonic() + LAST_SECONDS - 1)
    assert len(soon) == 1
    watch.finish("one", asked, time.monotonic() + LAST_SECONDS + 1)
    assert len(soon) == 2
