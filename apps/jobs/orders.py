"""How a job is to be run: what `submit` takes beside the task and its arguments."""

import difflib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypedDict

from django.conf import settings
from django.utils import timezone

from apps.jobs import plain
from apps.jobs.errors import ArgumentError
from apps.jobs.rule import DEBOUNCE, FOR_PERIOD, LATEST, UNTIL_FINISHED, WAYS, Rule
from apps.jobs.states import Source

PRIORITY_DEFAULT, PRIORITY_LOWEST = 5, 9
LONGEST, YEAR, SECOND = timedelta(days=30), timedelta(days=366), timedelta(seconds=1)
ID = re.compile(r"[\x21-\x7e]{1,200}")
TEXT_LENGTH, SUBMITTER_LENGTH = 255, 150
SHOWN = 100
TAG_LENGTH, TAGS_MOST = 100, 20
HEADERS_BYTES, NAME_BYTES = 8192, 255
SOURCES = Source.values  # each look at that makes the list anew
# Celery's own: a message with other ones would not be the job of its row.
RESERVED = frozenset({
    "lang", "task", "id", "shadow", "eta", "expires", "group", "group_index", "retries", "timelimit",
    "root_id", "parent_id", "argsrepr", "kwargsrepr", "origin", "ignore_result", "stamped_headers", "stamps",
    "replaced_task_nesting", "submitted_at", "periodic_task_name", "redacted", "frees_key",
})  # fmt: skip


class Options(TypedDict, total=False):
    """`submit`'s named options, as Order describes them."""

    priority: int
    delay: timedelta
    eta: datetime
    expires: timedelta | datetime
    key: str
    unique_key: Sequence[str]
    unique: str
    key_for: timedelta
    debounce: timedelta
    at_most: timedelta
    queue: str
    tags: list[str]
    headers: dict[str, Any]
    id: str
    schedule: str
    source: str
    submitter: str
    retry_of: str


@dataclass(frozen=True)
class Order:
    """How to run a job. Raises ArgumentError, which names each bad option.

    priority: 0 (first) to 9.  delay or eta: not before then, at most 30 days ahead.
    expires: not after then; the job then ends as REVOKED, expired.
    key: a job that already has it is returned instead of a new one.  unique_key: the names of arguments
        whose values make the key; none of them: the task alone.
    unique: how long a job has its key: "until_finished", or only "while_waiting"; of "latest" the newest
        takes the place of the one that waits.  key_for: for that long instead, ended or not.
    debounce: it starts when nobody has asked for it for so long, with the arguments of whoever asked
        last, but not later than `at_most` after the first.
    queue: by name, instead of the route's.  tags: words to find it by.
    headers: more headers of the message.  id: the job's, else a new one.
    """

    priority: int = PRIORITY_DEFAULT
    delay: timedelta | None = None
    eta: datetime | None = None
    expires: timedelta | datetime | None = None
    key: str = ""
    unique_key: Sequence[str] | None = None
    unique: str = ""
    key_for: timedelta | None = None
    debounce: timedelta | None = None
    at_most: timedelta | None = None
    queue: str | None = None
    tags: list[str] = field(default_factory=list)
    headers: dict[str, Any] = field(default_factory=dict)
    id: str | None = None
    schedule: str = ""
    source: str = Source.CODE
    submitter: str = ""
    retry_of: str | None = None

    def __post_init__(self) -> None:
        checks = (self.wrong_times, self.wrong_names, self.wrong_words, self.wrong_keys)
        problems = {name: text for check in checks for name, text in check().items()}
        if not _whole(self.priority) or not 0 <= self.priority <= PRIORITY_LOWEST:
            problems["priority"] = f"expected 0 (first) to 9, got {_shown(self.priority)}"
        if problems:
            raise ArgumentError(problems)

    @classmethod
    def of(cls, options: Mapping[str, Any]) -> "Order":
        """From named options; a name that is none is told with the nearest that is."""
        known = cls.__dataclass_fields__
        unknown = {}
        for name in options:
            if name not in known:
                near = difflib.get_close_matches(name, known, n=1)
                unknown[name] = "no such option" + (f"; did you mean {near[0]}?" if near else "")
        if unknown:
            raise ArgumentError(unknown)
        return cls(**options)

    def not_before(self, now: datetime) -> datetime | None:
        """When it may start; None: at once. Whole seconds ahead, because native delays know no others."""
        delay = self.delay or self.debounce
        wanted = self.eta or (now + delay if delay else None)
        if wanted is None or wanted <= now:
            return None
        return max(wanted, now + timedelta(seconds=1)).astimezone(UTC)

    def not_after(self, now: datetime) -> datetime | None:
        if isinstance(self.expires, timedelta):
            return now + self.expires
        return self.expires.astimezone(UTC) if self.expires else None

    def wrong_times(self) -> dict[str, str]:
        found = {}
        now = timezone.now()
        if self.delay is not None and self.eta is not None:
            found["eta"] = "expected either delay or eta"
        if self.delay is not None and not _between(self.delay, timedelta(0), LONGEST):
            found["delay"] = f"expected a timedelta of 0 s to 30 days, got {_shown(self.delay)}"
        if self.eta is not None and not _between(_ahead(self.eta, now), -LONGEST, LONGEST):
            found["eta"] = f"expected a datetime with a zone, at most 30 days away, got {_shown(self.eta)}"
        if self.expires is not None and not _between(
            _ahead(self.expires, now), timedelta(microseconds=1), LONGEST
        ):
            found["expires"] = f"expected a time from now to 30 days ahead, got {_shown(self.expires)}"
        elif self.expires is not None and not (found or self.wrong_keys()) and self.never_begins(now):
            found["expires"] = "expected a time after the delay or eta"
        return found

    @property
    def rule(self) -> Rule:
        """Of a job with a key."""
        if self.debounce is not None:
            return Rule(DEBOUNCE, debounce=self.debounce, at_most=self.at_most)
        if self.key_for is not None:
            return Rule(FOR_PERIOD, self.key_for)
        return Rule(self.unique or UNTIL_FINISHED)

    def wrong_keys(self) -> dict[str, str]:
        found = {}
        quiet = self.debounce if isinstance(self.debounce, timedelta) else SECOND
        spans = {"key_for": (SECOND, YEAR), "debounce": (SECOND, LONGEST), "at_most": (quiet, LONGEST)}
        for name, (least, most) in spans.items():
            value, words = getattr(self, name), f"{least.total_seconds():g} s to {most.days} days"
            if value is not None and not _between(value, least, most):
                found[name] = f"expected a timedelta of {words}, got {_shown(value)}"
        if self.unique not in ("", *WAYS):
            found["unique"] = f"expected one of {', '.join(WAYS)}, got {_shown(self.unique)}"
        if self.unique_key is not None and not _names(self.unique_key):
            found["unique_key"] = f"expected a list of names of arguments, got {_shown(self.unique_key)}"
        if not self.key and self.unique_key is None:
            wrong = [name for name in ("unique", *spans) if getattr(self, name)]
            return found | dict.fromkeys(wrong, "expected only together with a key")
        return {**self.at_odds(), **found}

    def at_odds(self) -> dict[str, str]:
        """Options that can't be together."""
        found = {}
        if self.key and self.unique_key is not None:
            found["unique_key"] = "expected either key or unique_key"
        if self.key_for is not None and (self.unique or self.debounce is not None):
            found["key_for"] = "expected without unique and debounce"
        if self.debounce is not None and self.unique not in ("", LATEST):
            found["debounce"] = "expected with no other unique than latest"
        if self.debounce is not None and (self.delay or self.eta):
            found["debounce"] = "expected without delay and eta"
        if self.at_most is not None and self.debounce is None:
            found["at_most"] = "expected only together with debounce"
        return found

    def never_begins(self, now: datetime) -> bool:
        start, end = self.not_before(now), self.not_after(now)
        return start is not None and end is not None and end <= start

    def wrong_names(self) -> dict[str, str]:
        found = {}
        names = [queue.name for queue in settings.CELERY_TASK_QUEUES] if self.queue is not None else []
        if self.queue is not None and self.queue not in names:
            found["queue"] = f"expected one of {', '.join(names)}, got {_shown(self.queue)}"
        if self.id is not None and not (isinstance(self.id, str) and ID.fullmatch(self.id)):
            found["id"] = "expected 1 to 200 printable ASCII characters without spaces"
        if self.retry_of is not None and not (self.retry_of and _text(self.retry_of, TEXT_LENGTH)):
            found["retry_of"] = f"expected a job's id: a text of 1 to {TEXT_LENGTH} characters"
        if self.source not in SOURCES:
            found["source"] = f"expected one of {', '.join(SOURCES)}, got {_shown(self.source)}"
        return found

    def wrong_words(self) -> dict[str, str]:
        found = {}
        for name, longest in (
            ("key", TEXT_LENGTH),
            ("schedule", TEXT_LENGTH),
            ("submitter", SUBMITTER_LENGTH),
        ):
            if not _text(getattr(self, name), longest):
                found[name] = f"expected a text of at most {longest} characters"
        if not isinstance(self.tags, list | tuple) or len(self.tags) > TAGS_MOST:
            found["tags"] = f"expected a list of at most {TAGS_MOST} texts"
        elif not all(_text(tag, TAG_LENGTH) and tag for tag in self.tags):
            found["tags"] = f"expected texts of 1 to {TAG_LENGTH} characters"
        if complaint := _wrong_headers(self.headers):
            found["headers"] = complaint
        return found


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _between(value: Any, lowest: timedelta, highest: timedelta) -> bool:
    return isinstance(value, timedelta) and lowest <= value <= highest


def _ahead(value: Any, now: datetime) -> timedelta | None:
    if isinstance(value, timedelta):
        return value
    if isinstance(value, datetime) and value.utcoffset() is not None:
        return value - now
    return None


def _names(value: Any) -> bool:
    return isinstance(value, list | tuple) and all(isinstance(name, str) and name for name in value)


def _text(value: Any, longest: int) -> bool:
    return isinstance(value, str) and len(value) <= longest and plain.complaint(value) is None


def _wrong_headers(headers: Any) -> str | None:
    if not isinstance(headers, dict):
        return "expected a dict"
    if complaint := plain.complaint(headers):
        return complaint
    if len(json.dumps(headers)) > HEADERS_BYTES:
        return f"expected at most {HEADERS_BYTES} bytes"
    if complaint := _unsendable(headers):
        return complaint
    taken = sorted(RESERVED & headers.keys())
    return f"expected other names than {', '.join(taken)}, which are Celery's" if taken else None


def _unsendable(value: Any) -> str | None:
    """What AMQP's tables can't hold: their names have a length of one byte, their integers eight."""
    if isinstance(value, dict):
        if long := next((name for name in value if len(name.encode()) > NAME_BYTES), None):
            return f"expected names of at most {NAME_BYTES} bytes, got {_shown(long)}"
        value = list(value.values())
    if isinstance(value, list):
        return next((complaint for item in value if (complaint := _unsendable(item))), None)
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return f"expected integers of 64 bits, got {_shown(value)}"
    return None


def _shown(value: Any) -> str:
    """A value in an error: in few words, whatever it is."""
    try:
        text = repr(value)
    except ValueError:  # an integer of more digits than Python writes
        text = f"a value of type {type(value).__name__}"
    return text if len(text) <= SHOWN else f"{text[:SHOWN]}…"
