"""Log levels, changed while processes run: until they are started anew.

A worker's main process hears the broadcast. It writes the levels into memory that it shares with the
processes of its pool, which were forked from it; they look there before each job.
"""

import json
import logging
import struct
from collections.abc import Mapping
from mmap import mmap
from typing import Any

from apps.jobs.errors import ArgumentError

logger = logging.getLogger(__name__)

TOPIC = "log_level"
LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
# Without a logger's name: the root, and Celery's own, which has a level of its own.
GENERAL = ("", "celery")
NAME_LENGTH = 100
LOGGERS_MOST = 30
HEAD = struct.Struct("=II")  # how often it was changed, and how long the text is
SIZE = 8192


class Board:
    """Levels by logger, in memory that forked processes share. One process writes it."""

    def __init__(self) -> None:
        self.memory = mmap(-1, SIZE)
        self.seen = 0
        self.levels: dict[str, str] = {}

    def write(self, name: str, level: str) -> None:
        others = [pair for pair in self.levels.items() if pair[0] != name]
        self.levels = dict([*others, (name, level)][-LOGGERS_MOST:])  # the pool applies them in this order
        text = json.dumps(self.levels).encode()
        self.seen += 1
        self.memory[HEAD.size : HEAD.size + len(text)] = text
        self.memory[: HEAD.size] = HEAD.pack(self.seen, len(text))

    def news(self) -> dict[str, str]:
        """The levels, if they were changed since this process last looked."""
        number, length = HEAD.unpack(self.memory[: HEAD.size])
        if number == self.seen:
            return {}
        try:
            levels: dict[str, str] = json.loads(self.memory[HEAD.size : HEAD.size + length])
        except ValueError:  # in the middle of a change: the next job finds it
            return {}
        self.seen = number
        return levels


BOARD = Board()


def checked(level: str, name: str = "") -> dict[str, str]:
    """The facts of the broadcast. Raises ArgumentError."""
    problems = {}
    if not isinstance(level, str) or level.upper() not in LEVELS:
        problems["level"] = f"expected one of {', '.join(LEVELS)}, got {level!r}"
    if not isinstance(name, str) or len(name) > NAME_LENGTH or not (name.isascii() and name.isprintable()):
        problems["logger"] = f"expected the name of a logger, at most {NAME_LENGTH} characters"
    if problems:
        raise ArgumentError(problems)
    return {"level": level.upper(), "logger": name}


def change(facts: Mapping[str, Any]) -> None:
    wanted = checked(facts.get("level", ""), facts.get("logger", ""))
    apply(wanted["logger"], wanted["level"])
    BOARD.write(wanted["logger"], wanted["level"])
    logger.warning("the log level of %s is now %s", wanted["logger"] or "everything", wanted["level"])


def follow(**_: Any) -> None:
    for name, level in BOARD.news().items():
        apply(name, level)


def apply(name: str, level: str) -> None:
    for each in [name] if name else GENERAL:
        logging.getLogger(each).setLevel(level)
