"""Fixtures of the recorder's tests."""

from collections.abc import Iterator
from typing import Any

import pytest

from apps.jobs.tests.lives import own_recorder, purge, running
from apps.recorder import sweeping
from apps.recorder.tests.brooms import Broom
from tests.waiting import RecorderProcess


@pytest.fixture(scope="module")
def _sweeper(no_others: None) -> Iterator[RecorderProcess]:
    recorder = own_recorder()
    with running(recorder):
        yield recorder


@pytest.fixture
def sweeper(_sweeper: RecorderProcess, transactional_db: None) -> RecorderProcess:
    """A recorder that is quick to sweep, shared by the module's tests; the queues are empty."""
    purge()
    _sweeper.ensure_alive()
    return _sweeper


@pytest.fixture
def broom(
    no_others: None, transactional_db: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Broom]:
    """A sweeper in this process that takes a third of a second for long. Nobody reads the stream, which
    is no lag on a slow machine.
    """
    monkeypatch.setattr(sweeping, "LAG_SECONDS", 60.0)
    settings.WORKER_LOST_SECONDS, settings.SWEEP_AFTER_SECONDS = 0.3, 0
    purge()
    made = Broom()
    yield made
    made.close()
