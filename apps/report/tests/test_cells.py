"""Values as words for people and as data for spreadsheets."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st

from apps.jobs.reporting import Kind
from apps.report.cells import duration, harmless, typed, words

RUNNABLE = "=+-@＝＋－＠"


@pytest.mark.parametrize("first", [*RUNNABLE, "\t", "\r", "\n"])
def test_text_that_could_be_a_formula_gets_an_apostrophe(first: str) -> None:
    assert harmless(f"{first}1+1").startswith("'" + first)


@pytest.mark.parametrize("first", [*RUNNABLE, "\t"])
@pytest.mark.parametrize("line_break", ["\n", "\r", "\r\n"])
def test_a_formula_after_a_line_break_gets_one_too(first: str, line_break: str) -> None:
    assert harmless(f"note{line_break}{first}1+1") == f"note{line_break}'{first}1+1"


@pytest.mark.parametrize("blank", [" ", "   ", "\u00a0", "\u3000", "\0", "\ufeff", "\u200b"])
def test_blanks_do_not_hide_a_formula(blank: str) -> None:
    assert harmless(f"{blank}=1+1") == f"'{blank}=1+1"


def test_a_formula_after_another_separator_is_stopped() -> None:
    assert harmless("a;=1+1") == "a;'=1+1"
    assert harmless("a\t@SUM(1)") == "a\t'@SUM(1)"


@pytest.mark.parametrize(
    "text", ["", "Ada", "a=b", "a - b", "two\r\nlines", "two\n\nlines", "ada@example.com", "1+1"]
)
def test_other_text_stays_as_it_is(text: str) -> None:
    assert harmless(text) == text


@given(st.text(alphabet=RUNNABLE + "a \t\r\n;'"))
def test_no_line_of_any_text_begins_with_a_formula(text: str) -> None:
    lines = harmless(text).replace("\r", "\n").split("\n")
    assert not any(line.lstrip(" \t").startswith(tuple(RUNNABLE)) for line in lines)
    assert harmless(text).replace("'", "") == text.replace("'", "")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, None),
        ("", None),
        (-5, -5),
        (-0.5, -0.5),
        (Decimal("-1.10"), Decimal("-1.10")),
        (float("nan"), "nan"),
        (float("-inf"), "-inf"),
        (True, "yes"),
        (timedelta(milliseconds=1500), 1.5),
        (date(2026, 11, 22), date(2026, 11, 22)),
        (["a"], "['a']"),
    ],
)
def test_data_keeps_its_type(value: Any, expected: Any) -> None:
    assert typed(value) == expected


def test_moments_become_local_time() -> None:
    with timezone.override("Asia/Shanghai"):
        assert typed(datetime(2026, 11, 22, 20, tzinfo=UTC)) == datetime(2026, 11, 23, 4)  # noqa: DTZ001
        assert words(datetime(2026, 11, 22, 20, tzinfo=UTC), "date") == "2026-11-23 04:00"


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (None, "number", ""),
        (1234567, "number", "1,234,567"),
        (1234.56, "number", "1,234.6"),
        (0.1 + 0.2, "number", "0.3"),
        (Decimal("3.50"), "number", "3.5"),
        (1e300, "number", "1e+300"),
        (10**20, "number", "100,000,000,000,000,000,000"),
        (Decimal("NaN"), "number", "NaN"),
        (0.125, "percent", "12.5 %"),
        (1, "percent", "100 %"),
        ("-", "number", "-"),
        (date(2026, 11, 22), "date", "2026-11-22"),
        (7, "text", "7"),
        (timedelta(seconds=90), "duration", "1 min 30 s"),
    ],
)
def test_words_for_people(value: Any, kind: Kind, expected: str) -> None:
    assert words(value, kind) == expected


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 s"), (0.0001, "1 ms"), (0.34, "340 ms"), (0.9996, "1 s"), (1.25, "1.2 s"), (59.94, "59.9 s"),
        (59.96, "1 min"), (184, "3 min 4 s"), (3600, "1 h"), (7500, "2 h 5 min"), (90_000, "1 d 1 h"),
        (86_460, "1 d"), (-2, "-2 s"),
    ],
)  # fmt: skip
def test_durations_read_in_two_units_at_most(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected
