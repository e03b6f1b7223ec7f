"""A pytest plugin: `pytest_plugins = ["apps.testing.plugin"]` in the project's conftest.py."""

from collections.abc import Iterator

import pytest

from apps.testing.collected import Jobs
from apps.testing.timetable import Timetable


@pytest.fixture
def jobs(db: None) -> Iterator[Jobs]:
    """What the test hands in, and `run_pending()`. Needs no broker, no worker and no Redis."""
    with Jobs() as found:
        yield found


@pytest.fixture
def timetable(jobs: Jobs) -> Timetable:
    """Which schedules fire when, and their jobs."""
    return Timetable(jobs)
