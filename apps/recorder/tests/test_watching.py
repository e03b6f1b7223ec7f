"""Listening to heartbeats: what counts as silence."""

import json
from dataclasses import asdict
from typing import Any

import pytest

from apps.jobs.beats import INSTANCES, Beat, beat_seconds, key_of
from apps.jobs.state import redis_error, state_redis
from apps.recorder import watching
from apps.recorder.tests.brooms import beat
from apps.recorder.watching import Watch, read_beats


@pytest.fixture(autouse=True)
def third_of_a_minute(settings: Any) -> None:
    settings.WORKER_LOST_SECONDS = 20


class Listening(Watch):
    """A watch whose time passes when it is told to."""

    def __init__(self) -> None:
        self.seconds = 0.0
        super().__init__(lambda: self.seconds)

    def listen(self, seconds: float) -> None:
        """A look after each of the heartbeat's intervals."""
        for _ in range(round(seconds / beat_seconds())):
            self.seconds += beat_seconds()
            self.look()

    def names(self) -> list[str]:
        return sorted(found.name for found in self.present())


def test_a_worker_is_present_until_it_is_silent_for_long() -> None:
    beat("a@x", 1)
    watch = Listening()
    watch.look()
    watch.listen(16)
    assert watch.names() == ["a@x"]
    watch.listen(5)
    assert watch.names() == []
    beat("a@x", 2)
    watch.look()
    assert watch.names() == ["a@x"]


def test_a_counter_that_changes_in_any_way_is_a_sign_of_life() -> None:
    watch = Listening()
    for number in (7, 3, 9):  # Redis was put back to an older state
        beat("a@x", number)
        watch.listen(15)
    assert watch.names() == ["a@x"]


def test_an_outage_of_redis_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    beat("a@x", 1)
    watch = Listening()
    watch.listen(18)

    def fails() -> dict[str, Beat]:
        raise redis_error()("away")

    with monkeypatch.context() as outage:
        outage.setattr(watching, "read_beats", fails)
        with pytest.raises(redis_error()):
            watch.listen(60)
    watch.listen(18)
    assert watch.names() == ["a@x"]


def test_a_pause_of_the_recorder_counts_as_two_looks_at_most() -> None:
    beat("a@x", 1)
    watch = Listening()
    watch.listen(10)
    watch.seconds += 1_000_000
    watch.look()
    assert watch.names() == ["a@x"]


def test_heartbeats_that_redis_has_lost_are_silence() -> None:
    found = beat("a@x", 1)
    watch = Listening()
    watch.look()
    state_redis().flushdb()
    watch.listen(10)
    assert watch.names() == ["a@x"]
    watch.listen(15)
    assert watch.gone(found.instance)


def test_a_worker_that_stopped_is_gone_and_not_lost() -> None:
    found = beat("a@x", stopped=True)
    watch = Listening()
    watch.look()
    assert watch.gone(found.instance)
    assert not watch.workers[found.instance].lost


def test_expired_heartbeats_leave_the_list() -> None:
    found = beat("a@x")
    state_redis().delete(key_of(found.instance))
    assert read_beats() == {}
    assert state_redis().scard(INSTANCES) == 0


def test_a_worker_of_another_release_is_understood() -> None:
    found = beat("a@x")
    told = asdict(found) | {"mood": "good"}
    del told["held"]
    state_redis().set(key_of(found.instance), json.dumps(told | {"held": []}))
    assert read_beats() == {found.instance: found}
