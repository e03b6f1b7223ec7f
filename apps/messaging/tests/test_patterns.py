"""Which topics a pattern takes: the same in our own words and on both brokers."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kombu import Queue

from apps.jobs.confirming import Window
from apps.jobs.wire import Message
from apps.messaging import envelopes
from apps.messaging.patterns import checked, matches
from apps.messaging.tests.places import Place
from project.broker import spelled_out
from project.topology import SubscriptionRow

TOPICS = ("data.import", "data.import.finished", "data.import.row.bad", "job.failed", "report.ready")
PATTERNS = {
    "data.import.*": {"data.import.finished"},
    "data.import.#": {"data.import", "data.import.finished", "data.import.row.bad"},
    "#.bad": {"data.import.row.bad"},
    "data.#.bad": {"data.import.row.bad"},
    "data.#.import.#": {"data.import", "data.import.finished", "data.import.row.bad"},
    "*.*": {"data.import", "job.failed", "report.ready"},
    "#": set(TOPICS),
    "job.failed": {"job.failed"},
    "job": set(),
}
WORDS = st.lists(st.sampled_from(["a", "b", "c"]), min_size=1, max_size=5)
PARTS = st.lists(st.sampled_from(["a", "b", "*", "#"]), min_size=1, max_size=5)


@pytest.mark.parametrize("pattern", PATTERNS)
def test_a_pattern_takes_its_topics(pattern: str) -> None:
    assert {topic for topic in TOPICS if matches(pattern, topic)} == PATTERNS[pattern]


def test_each_broker_takes_the_same(place: Place) -> None:
    rows = {pattern: SubscriptionRow(f"p{n}", pattern) for n, pattern in enumerate(PATTERNS)}
    place.declare(*rows.values())
    with Window() as window:
        envelopes.send(window, [message(topic) for topic in TOPICS])
    with place.channel() as channel:
        taken = {pattern: drained(channel, row.queue) for pattern, row in rows.items()}
    assert taken == {pattern: sorted(topics) for pattern, topics in PATTERNS.items()}


def message(topic: str) -> Message:
    headers = {"id": topic}
    return Message(topic, "events", topic, headers, {"delivery_mode": 2}, f'"{topic}"', mandatory=False)


def drained(channel: Any, name: str) -> list[str]:
    queue = Queue(name, channel=channel)
    return sorted(found.payload for found in iter(lambda: queue.get(no_ack=True), None))


@given(WORDS, PARTS)
def test_spelled_out_for_redis_it_means_the_same(words: list[str], parts: list[str]) -> None:
    """Where `#` stands for one word at least."""
    topic, pattern = ".".join(words), ".".join(parts)
    assert matches(pattern, topic) == any(
        matches(key.replace("#", "*.#"), topic) for key in spelled_out(pattern)
    )


@pytest.mark.parametrize(
    "pattern", ["", ".", "a..b", "A.b", "a b", "a.#b", "**", "a.", "#.#.#", "a." * 60 + "b", 'a."b"']
)
def test_a_bad_pattern_is_refused(pattern: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        checked(pattern)
