"""What is plain JSON and what is not."""

import json
import math
import sys
import time
from collections import OrderedDict, deque, namedtuple
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import PurePosixPath
from typing import Any
from uuid import UUID

import pytest
from django.db import connection
from django.utils.translation import gettext_lazy
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from apps.jobs.plain import DIGITS, LEVELS, NotPlain, TooLarge, complaint, copied, size

ROOM = 1_000_000
EXPECTED = "is not JSON: expected text, a number, a list or an object, or an id of the thing"
SURROGATE = "text with half a surrogate pair (U+D800), which is no character"
WITH_NUL = "text with a NUL character (U+0000), which PostgreSQL can't store"
Point = namedtuple("Point", "x y")

SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.decimals() | st.binary()
KEYS = st.text() | st.integers() | st.none() | st.booleans()
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.sets(st.integers()) | st.dictionaries(KEYS, inner),
)


class Colour(StrEnum):
    RED = "red"


class Size(Enum):
    SMALL = 1


def nested(levels: int) -> Any:
    value: Any = {}
    for _ in range(levels - 1):
        value = [value]
    return value


def cycle() -> list[Any]:
    value: list[Any] = []
    value.append({"again": value})
    return value


@pytest.mark.parametrize(
    "value",
    [
        None, True, 0, -1, 1.5, "", "text", "naïve 😀 \u2028 \x7f", "\\u0000", "\ud7ff\ue000", [], {}, [[]],
        {"": None}, {"a": [1, {"b": "c"}]}, 1e308, 5e-324, -0.0, 2**64, 10**DIGITS - 1, -(10**DIGITS) + 1,
        OrderedDict(a=1), "0" * 5000, nested(LEVELS), [[]] * 100,
    ],
)  # fmt: skip
def test_plain_json_passes_as_an_equal_copy(value: Any) -> None:
    assert complaint(value) is None
    found = copied(value, ROOM)
    assert found == value
    assert found is not value or not isinstance(value, list | dict)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (math.nan, "NaN is not JSON"),
        (math.inf, "infinity is not JSON"),
        (-math.inf, "infinity is not JSON"),
        ("a\0b", WITH_NUL),
        ("a\ud800", SURROGATE),
        ("\ud83d\ude00", "text with half a surrogate pair (U+D83D), which is no character"),
        (10**DIGITS, "an integer of more than 1,000 digits"),
        (-(10**DIGITS), "an integer of more than 1,000 digits"),
        (10**5000, "an integer of more than 1,000 digits"),
        ({1, 2}, f"a set {EXPECTED}"),
        (frozenset(), f"a frozenset {EXPECTED}"),
        (object(), f"an object {EXPECTED}"),
        (b"bytes", f"a bytes {EXPECTED}"),
        (b"\xff", f"a bytes {EXPECTED}"),
        (Decimal("1.10"), f"a Decimal {EXPECTED}"),
        (UUID(int=1), f"a UUID {EXPECTED}"),
        (date(2026, 1, 2), f"a date {EXPECTED}"),
        (datetime(2026, 1, 2, tzinfo=UTC), f"a datetime {EXPECTED}"),
        (timedelta(1), f"a timedelta {EXPECTED}"),
        (PurePosixPath("/tmp"), f"a PurePosixPath {EXPECTED}"),
        (deque([1]), f"a deque {EXPECTED}"),
        (iter([1]), f"a list_iterator {EXPECTED}"),
        (Size.SMALL, f"a Size {EXPECTED}"),
        (gettext_lazy("text"), f"a __proxy__ {EXPECTED}"),
        ({1: "a", "1": "b"}, "a key must be text, got an int (1)"),
        ({None: 1}, "a key must be text, got a NoneType (None)"),
        ({(1, 2): 1}, "a key must be text, got a tuple (a tuple)"),
        ({"a\0": 1}, f"the key 'a\\x00' is {WITH_NUL}"),
        ({"\ud800": 1}, f"the key '\\ud800' is {SURROGATE}"),
        ({10**5000: 1}, "a key must be text, got an int (an int)"),
        (nested(LEVELS + 1), "0.0.0.0.0.0.0.0.…: nested deeper than 20 levels"),
        (nested(3000), "0.0.0.0.0.0.0.0.…: nested deeper than 20 levels"),
        (nested(300_000), "0.0.0.0.0.0.0.0.…: nested deeper than 20 levels"),
        (cycle(), "0.again.0.again.0.again.0.again.…: nested deeper than 20 levels"),
    ],
    ids=lambda value: value[:20] if isinstance(value, str) and value.isascii() else "value",
)
def test_anything_else_is_refused_with_the_reason(value: Any, said: str) -> None:
    assert complaint(value) == said
    with pytest.raises(NotPlain) as caught:
        copied(value, ROOM)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ({"rows": [{"price": 1.0}, {"price": math.nan}]}, "rows.1.price: NaN is not JSON"),
        ([{"a": {"b": {1}}}], f"0.a.b: a set {EXPECTED}"),
        ({"a": {2: 1}}, "a: a key must be text, got an int (2)"),
        ({"k" * 99: math.nan}, f"{'k' * 40}: NaN is not JSON"),
        ({"two\nlines": [math.nan]}, "'two\\nlines'.0: NaN is not JSON"),
        ((1, (2, "\0")), f"1.1: {WITH_NUL}"),
    ],
)
def test_the_place_is_named(value: Any, said: str) -> None:
    assert complaint(value) == said


def test_a_complaint_can_itself_be_stored() -> None:
    said = complaint({"\0\ud800": [{"\x1b": math.nan}]}) or ""
    assert said.isprintable()
    assert complaint(said) is None


@pytest.mark.parametrize(
    ("value", "plain"),
    [
        ((1, (2, [3])), [1, [2, [3]]]),
        (Point(1, 2), [1, 2]),
        ({"a": ()}, {"a": []}),
        ([Colour.RED], ["red"]),
        ({Colour.RED: True}, {"red": True}),
    ],
)
def test_what_json_has_no_kind_of_its_own_for_becomes_plain(value: Any, plain: Any) -> None:
    found = copied(value, ROOM)
    assert found == plain
    assert repr(found) == repr(plain)


def test_a_copy_shares_nothing_with_what_was_given() -> None:
    rows = [{"a": [1]}]
    found = copied(rows, ROOM)
    rows[0]["a"].append(2)
    assert found == [{"a": [1]}]


def test_the_limit_counts_bytes_of_utf8_json() -> None:
    value = ["é" * 10]
    assert size(value) == 24
    assert copied(value, 24) == value
    with pytest.raises(TooLarge, match="24 bytes as JSON, more than 23"):
        copied(value, 23)


def test_twenty_megabytes_are_refused_in_no_time() -> None:
    value, began = ["x" * 20_000_000], time.process_time()
    with pytest.raises(TooLarge, match="20,000,004 bytes as JSON, more than 65,536"):
        copied(value, 65_536)
    assert time.process_time() - began < 2


@given(ANYTHING)
@settings(max_examples=300, deadline=None)
def test_what_passes_survives_json_unchanged_and_the_rest_has_a_reason(value: Any) -> None:
    why = complaint(value)
    if why is None:
        found = copied(value, ROOM)
        assert json.loads(json.dumps(found, allow_nan=False)) == found
    else:
        with pytest.raises(NotPlain) as caught:
            copied(value, ROOM)
        assert str(caught.value) == why


@pytest.mark.django_db
@given(ANYTHING)
@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_what_passes_survives_postgres(value: Any) -> None:
    try:
        plain = copied(value, ROOM)
    except NotPlain:
        return
    assert as_floats(through_jsonb(plain)) == as_floats(plain)


@pytest.mark.django_db
def test_postgres_keeps_the_longest_integer() -> None:
    assert through_jsonb([10**DIGITS - 1]) == [10**DIGITS - 1]


def through_jsonb(value: Any) -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT %s::jsonb::text", [json.dumps(value)])
        row = cursor.fetchone()
    return json.loads(row[0]) if row else None


def as_floats(value: Any) -> Any:
    """jsonb has one kind of number: 1e+23 comes back as an integer of 24 digits."""
    if isinstance(value, dict):
        return {key: as_floats(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [as_floats(inner) for inner in value]
    is_large = (
        isinstance(value, int | float)
        and not isinstance(value, bool)
        and 1e16 <= abs(value) <= sys.float_info.max
    )
    return float(value) if is_large else value
