"""What a recorder tells of its own duties."""

import threading
from pathlib import Path

import pytest

from apps.recorder.duties import DUTIES
from apps.recorder.pulse import STUCK_SECONDS, Lap, Pulse
from tests.waiting import RecorderProcess, wait_until


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def lap(clock: Clock) -> Lap:
    return Lap(threading.Event(), clock)


def test_a_duty_that_never_comes_round_is_stuck(lap: Lap, clock: Clock) -> None:
    clock.seconds = STUCK_SECONDS
    assert not lap.stuck
    clock.seconds += 1
    assert lap.stuck


def test_a_duty_that_looks_at_the_event_moves(lap: Lap, clock: Clock) -> None:
    clock.seconds = 2 * STUCK_SECONDS
    assert not lap.is_set()
    assert not lap.stuck


def test_a_duty_that_waited_moves(lap: Lap, clock: Clock) -> None:
    clock.seconds = 2 * STUCK_SECONDS
    assert not lap.wait(0.001)
    assert not lap.stuck


def test_a_duty_with_nothing_to_do_is_not_stuck(lap: Lap, clock: Clock) -> None:
    thread = threading.Thread(target=lap.wait, daemon=True)
    thread.start()
    wait_until(lambda: lap.rests, 5, "the duty to rest")
    clock.seconds = 2 * STUCK_SECONDS
    assert not lap.stuck
    lap.set()
    thread.join(5)
    assert not thread.is_alive()


def test_every_duty_sees_the_one_event(lap: Lap) -> None:
    other = Lap(lap.stop)
    assert not other.is_set()
    lap.set()
    assert other.is_set()
    assert other.wait(0)


def test_the_file_names_what_is_stuck(lap: Lap, clock: Clock, tmp_path: Path) -> None:
    path = tmp_path / "pulse"
    pulse = Pulse(path, {"sweep": lap, "keep": Lap(lap.stop), "relay": Lap(lap.stop, clock)}, lap.stop)
    pulse.write()
    assert path.read_text() == ""
    clock.seconds = 2 * STUCK_SECONDS
    pulse.write()
    assert path.read_text() == "relay sweep"
    assert [file.name for file in tmp_path.iterdir()] == ["pulse"]


def test_a_recorder_writes_it_all_the_time(broker: str, transactional_db: None, tmp_path: Path) -> None:
    path = tmp_path / "pulse"
    recorder = RecorderProcess("--pulse", str(path))
    recorder.start()
    try:
        first = wait_until(lambda: path.exists() and path.stat().st_mtime, 10, "the first beat")
        wait_until(lambda: path.stat().st_mtime > first, 10, "the next beat")
        assert path.read_text() == ""
    finally:
        recorder.stop()
    assert len(DUTIES) == 5
