"""The short form of `python -m tests.beats`."""

from pathlib import Path

import pytest

from apps.jobs.tests.lives import purge
from tests.beats.run import run


@pytest.mark.faults
@pytest.mark.slow
def test_each_due_time_fires_once_whichever_beat_is_killed(
    no_others: None, transactional_db: None, tmp_path: Path
) -> None:
    """No worker takes the jobs, and none may find them afterwards."""
    verdict = run(schedules=100, seconds=15, beats=3, folder=tmp_path, kill_every=3)
    purge()
    assert verdict.clean, verdict
    assert verdict.killed >= 3
