"""Doubts ripen only when they stand in every look."""

from apps.recorder.doubting import Doubts


class Clock:
    def __init__(self) -> None:
        self.seconds = 0.0

    def __call__(self) -> float:
        return self.seconds


def doubts_after(*looks: tuple[float, set[str]], seconds: float = 10) -> list[str]:
    """What is ripe at the last of the looks, each a time and the keys that were doubtful."""
    clock = Clock()
    doubts = Doubts(clock)
    ripe: list[str] = []
    for clock.seconds, keys in looks:
        ripe = sorted(doubts.ripe("topic", keys, seconds))
    return ripe


def test_a_doubt_ripens_with_time() -> None:
    assert doubts_after((0, {"a"}), (5, {"a"}), (9, {"a"})) == []
    assert doubts_after((0, {"a"}), (5, {"a"}), (10, {"a"})) == ["a"]


def test_each_key_has_a_time_of_its_own() -> None:
    looks = ((0.0, {"a"}), (5.0, {"a", "b"}), (10.0, {"a", "b"}), (11.0, {"a", "b"}))
    assert doubts_after(*looks) == ["a"]
    assert doubts_after(*looks, (15.0, {"a", "b"})) == ["a", "b"]


def test_a_doubt_that_was_dispelled_begins_anew() -> None:
    assert doubts_after((0, {"a"}), (5, set()), (9, {"a"}), (12, {"a"}), (14, {"a"})) == []


def test_time_without_looks_ripens_nothing() -> None:
    assert doubts_after((0, {"a"}), (1000, {"a"})) == []


def test_topics_are_apart() -> None:
    doubts = Doubts(clock := Clock())
    for clock.seconds in (0, 5, 10):
        doubts.ripe("waiting:a", ["x"], 10)
        doubts.ripe("waiting:b", ["x"], 10)
        doubts.ripe("running", ["x"], 10)
    doubts.keep("waiting:", ["b"])
    clock.seconds = 11
    ripe = {topic: doubts.ripe(topic, ["x"], 10) for topic in ("waiting:a", "waiting:b", "running")}
    assert ripe == {"waiting:a": [], "waiting:b": ["x"], "running": ["x"]}
    doubts.clear()
    assert doubts.ripe("running", ["x"], 10) == []
