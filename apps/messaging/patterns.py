"""Patterns of topics, as RabbitMQ's topic exchange has them: `*` is one word, `#` any number, none too."""

import re
from collections.abc import Sequence

PATTERN = re.compile(r"([a-z][a-z0-9_]*|\*|#)(\.([a-z][a-z0-9_]*|\*|#))*")
PATTERN_LENGTH = 100
JOKERS_MOST = 2  # RabbitMQ's own limit, from 4.3.5


def checked(pattern: str) -> str:
    """The pattern itself, or ValueError."""
    if len(pattern) > PATTERN_LENGTH or not PATTERN.fullmatch(pattern):
        expected = "dotted lower-case words, * and #, such as 'data.import.*'"
        raise ValueError(f"expected {expected}, at most {PATTERN_LENGTH} characters, got {pattern!r}")
    if pattern.count("#") > JOKERS_MOST:
        raise ValueError(f"expected at most {JOKERS_MOST} #, got {pattern!r}")
    return pattern


def matches(pattern: str, topic: str) -> bool:
    return fits(pattern.split("."), topic.split("."))


def fits(pattern: Sequence[str], words: Sequence[str]) -> bool:
    if not pattern:
        return not words
    first, *rest = pattern
    if first == "#":
        return any(fits(rest, words[left:]) for left in range(len(words) + 1))
    return bool(words) and first in {"*", words[0]} and fits(rest, words[1:])
