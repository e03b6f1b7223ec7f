"""One stage for each file of fault tests: its servers take ten seconds to start, and time while they idle."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.ledger import Ledger
from tests.faults.stage import Stage


@pytest.fixture(scope="module")
def _stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("faults"))
    try:
        made.open()
        yield made
    finally:
        made.close()


@pytest.fixture
def stage(_stage: Stage) -> Iterator[Stage]:
    """Servers and processes, all of them well at the beginning of each test."""
    _stage.ensure()
    yield _stage
    for server in _stage.servers:
        server.thaw()


@pytest.fixture
def ledger(stage: Stage) -> Ledger:
    return stage.ledger


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where jobs that hold look for the word to go on."""
    return tmp_path
