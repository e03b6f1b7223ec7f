"""Is this value plain JSON, the same after a message and after PostgreSQL's jsonb?

Stricter than json.dumps, which takes NaN, turns the key 1 into "1" and knows nothing of NUL. What
is let pass: jsonb has one kind of number, so 1e+16 comes back as an integer, and -0.0 as 0.0.
"""

import math
from collections.abc import Sequence
from typing import Any

from pydantic_core import from_json, to_json

LEVELS = 20  # lists and objects inside each other
DIGITS = 1_000  # of an integer: Python reads no more than 4,300, jsonb holds 131,072
PLACES, LONGEST_KEY = 8, 40  # of a place in an error: keys, and characters of each
NUL = "\0"

ONE_DIGIT = bytes.maketrans(b"123456789", b"000000000")
TOO_MANY_DIGITS = b"0" * (DIGITS + 1)


class NotPlain(ValueError):
    """The value is not JSON, or would come back changed. The message says where and why."""


class TooLarge(NotPlain):
    """Its JSON has more than the bytes allowed."""


def copied(value: Any, max_bytes: int, levels: int = LEVELS) -> Any:
    """An equal value of plain dicts, lists, texts and numbers that shares nothing with the given one.

    A tuple becomes a list. Raises TooLarge, and NotPlain for anything else that would not survive.
    """
    try:
        data = to_json(value)
        found = from_json(data, allow_inf_nan=False) if len(data) <= max_bytes else None
    except (ValueError, RecursionError) as error:
        raise NotPlain(complaint(value, levels) or f"not JSON: {error}") from None
    if len(data) > max_bytes:
        raise TooLarge(f"{len(data):,} bytes as JSON, more than {max_bytes:,}")
    if (found != value or is_suspicious(data, found, levels)) and (why := complaint(value, levels)):
        raise NotPlain(why)
    return found


def complaint(value: Any, levels: int = LEVELS) -> str | None:
    """Where in the value and why, such as `3.price: NaN is not JSON`; None when it is plain."""
    found = first_problem(value, levels)
    if found is None:
        return None
    return at(*found)


def size(value: Any) -> int:
    """Bytes of a plain value as JSON in UTF-8."""
    return len(to_json(value))


def is_suspicious(data: bytes, found: Any, levels: int) -> bool:
    """Signs of what survives JSON but not jsonb, or is too deep: worth the slower look."""
    if b"\\u0000" in data:
        return True
    if len(data) > DIGITS and TOO_MANY_DIGITS in data.translate(ONE_DIGIT):
        return True
    return data.count(b"[") + data.count(b"{") > levels and is_deeper(found, levels)


def is_deeper(value: Any, levels: int) -> bool:
    level = [value]
    for _ in range(levels):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if type(outer) is dict else outer)
            if type(inner) is dict or type(inner) is list
        ]
    return bool(level)


def first_problem(value: Any, levels: int) -> tuple[list[str], str] | None:
    """Looks no further down than `levels`, so neither depth nor a cycle does harm."""
    if not isinstance(value, dict | list | tuple):
        why = what_is_wrong(value)
        return ([], why) if why else None
    if not levels:
        return [], f"nested deeper than {LEVELS} levels"
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if isinstance(value, dict) and (why := what_is_wrong_with_key(key)):
            return [], why
        if found := first_problem(inner, levels - 1):
            return [shown(key), *found[0]], found[1]
    return None


def what_is_wrong(value: Any) -> str | None:
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, str):
        return what_is_wrong_with_text(value)
    if isinstance(value, int):
        return f"an integer of more than {DIGITS:,} digits" if abs(value) >= 10**DIGITS else None
    if isinstance(value, float):
        return None if math.isfinite(value) else f"{'NaN' if math.isnan(value) else 'infinity'} is not JSON"
    return f"{kind(value)} is not JSON: expected text, a number, a list or an object, or an id of the thing"


def what_is_wrong_with_text(text: str) -> str | None:
    if NUL in text:
        return "text with a NUL character (U+0000), which PostgreSQL can't store"
    try:
        text.encode()
    except UnicodeEncodeError as error:
        return f"text with half a surrogate pair (U+{ord(text[error.start]):04X}), which is no character"
    return None


def what_is_wrong_with_key(key: Any) -> str | None:
    if not isinstance(key, str):
        return f"a key must be text, got {kind(key)} ({shown(key)})"
    why = what_is_wrong_with_text(key)
    return why and f"the key {shown(key)} is {why}"


def kind(value: Any) -> str:
    name = type(value).__name__
    return f"{'an' if name[:1].lower() in 'aeio' else 'a'} {name}"


def at(place: Sequence[str], why: str) -> str:
    where = ".".join(place[:PLACES]) + (".…" if len(place) > PLACES else "")
    return f"{where}: {why}" if where else why


def shown(key: Any) -> str:
    """A key as part of an error: short and printable."""
    if not isinstance(key, str | int | float | bool | None):
        return kind(key)
    text = str(key) if not isinstance(key, int) or abs(key) < 10**LONGEST_KEY else kind(key)
    return (text if text.isprintable() else ascii(text))[:LONGEST_KEY]
