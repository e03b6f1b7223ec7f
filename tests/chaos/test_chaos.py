"""The short form of `make chaos`, and that its plan can be repeated."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.chaos.plan import KINDS, draw

ROOT = Path(__file__).resolve().parents[2]
SEED = 26  # draws two disk alarms


def test_the_same_seed_draws_the_same_faults() -> None:
    assert draw(7, 120, 3) == draw(7, 120, 3)
    assert draw(7, 120, 3) != draw(8, 120, 3)


def test_every_kind_of_fault_is_drawn_in_two_minutes_of_some_seed() -> None:
    drawn = {fault.kind for seed in range(5) for fault in draw(seed, 120, 3)}
    assert drawn == set(KINDS)


@pytest.mark.faults
@pytest.mark.slow
def test_no_job_is_lost_and_no_effect_doubled(tmp_path: Path) -> None:
    report = tmp_path / "chaos.json"
    words = ["--seed", str(SEED), "--jobs", "500", "--seconds", "30", "--report", str(report)]
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("CELERY_", "TEST_"))}
    done = subprocess.run(
        [sys.executable, "-m", "tests.chaos", *words], cwd=ROOT, env=kept, capture_output=True, text=True,
        timeout=400, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]
    found = json.loads(report.read_text())
    assert (found["submitted"], found["finished"]) == (500, 500)
    assert f"chaos: seed={SEED} submitted=500 finished=500 lost=0 doubled=0 drift=0" in done.stdout
