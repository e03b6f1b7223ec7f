"""What publishers told of chords becomes rows."""

import json
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from django.db import DataError, transaction

from apps.canvas.backend import CHORDS
from apps.canvas.models import ID_LENGTH, Chord
from apps.jobs.stream.documents import cleaned
from apps.jobs.stream.reaching import stream_redis

logger = logging.getLogger(__name__)

AT_ONCE, PORTIONS = 50, 20  # a note may be of half a megabyte
UNREADABLE = (TypeError, ValueError, LookupError, AttributeError, OverflowError, OSError, RecursionError)
REFUSED = (DataError, TypeError, ValueError)  # by PostgreSQL, or on the way there


@dataclass(frozen=True)
class Size:
    """How many jobs a header has, told when all were sent."""

    group: str
    size: int


def take_notes() -> None:
    """Takes notes out of Redis, once the transaction commits. What was written twice is one row; what is no
    note is logged, and gone.
    """
    redis: Any = stream_redis()
    taken = 0
    for texts in portions(redis):
        taken += len(texts)
        found = [note for note in map(read, texts) if note is not None]
        write([note for note in found if isinstance(note, Chord)])
        for note in found:
            if isinstance(note, Size):
                Chord.objects.filter(group=note.group).update(size=note.size)
    if taken:
        transaction.on_commit(lambda: redis.ltrim(CHORDS, taken, -1))


def portions(redis: Any) -> Iterator[list[bytes]]:
    for number in range(PORTIONS):
        texts = redis.lrange(CHORDS, number * AT_ONCE, (number + 1) * AT_ONCE - 1)
        if texts:
            yield texts
        if len(texts) < AT_ONCE:
            return


def read(text: bytes) -> "Chord | Size | None":
    try:
        note = json.loads(text)
        group = name_in(note["group"])
        return size_in(group, note["size"]) if "size" in note else chord_in(group, note)
    except UNREADABLE:  # what it says may be a secret
        logger.exception("a chord is not watched: its note of %d bytes can't be read", len(text))
        return None


def chord_in(group: str, note: dict[str, Any]) -> Chord:
    """A body that PostgreSQL can't keep as it is, such as one with NaN, is not kept. Raises UNREADABLE."""
    members, body = note["members"], note["body"]
    if not isinstance(members, list | None):
        raise TypeError("members: expected a list or nothing")
    return Chord(
        group=group,
        members=members,
        body=body if cleaned(body) == body else None,
        body_ids=[name_in(job_id) for job_id in note["body_ids"]],
        begun_at=datetime.fromtimestamp(note["begun_at"], UTC),
    )


def size_in(group: str, size: Any) -> Size:
    if not isinstance(size, int) or not 0 <= size < 2**63:
        raise ValueError("size: expected a number")
    return Size(group, size)


def name_in(value: Any) -> str:
    if not isinstance(value, str) or len(value) > ID_LENGTH or cleaned(value) != value:
        raise ValueError(f"expected an id of at most {ID_LENGTH} characters")
    return value


def write(chords: Sequence[Chord]) -> None:
    try:
        with transaction.atomic():
            Chord.objects.bulk_create(chords, ignore_conflicts=True)
    except REFUSED:
        for chord in chords:
            write_alone(chord)


def write_alone(chord: Chord) -> None:
    try:
        with transaction.atomic():
            Chord.objects.bulk_create([chord], ignore_conflicts=True)
    except REFUSED:
        logger.exception("the chord %s is not watched: it can't be written down", chord.group)
