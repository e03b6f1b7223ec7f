"""CSV that opens as text in a spreadsheet."""

import csv
from collections.abc import Iterable, Sequence
from io import StringIO
from typing import Any

import pytest

from apps.data.exporting import csv_response, safe


def read(columns: Sequence[str], rows: Iterable[Sequence[Any]]) -> list[list[str]]:
    response = csv_response("x", columns, rows)
    text = b"".join(response).decode("utf-8-sig")
    return list(csv.reader(StringIO(text, newline="")))


@pytest.mark.parametrize(
    "text",
    [
        "=1+1", "+cmd|' /C calc'!A0", "-2+3", "@SUM(A1)", "\t=1", "\r=1", "\n=1+1", "  =1", "＝1+1", "＋1+1",
        "－1-1", "＠x", "\u00a0=1", "-", "=", "+49 30 1234", "-1e", "\r\n@x",
    ],
)  # fmt: skip
def test_a_formula_becomes_text(text: str) -> None:
    assert read(["a"], [[text]])[1] == [f"'{text}"]


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("-5", "-5"), ("+3.25", "+3.25"), ("-1,234.5", "-1,234.5"), ("-1e-5", "-1e-5"), ("-10%", "-10%"),
        (-5, "-5"), (2.5, "2.5"), (None, ""), ("plain", "plain"), ("a=b", "a=b"),
        ("line\n- item", "line\n- item"),
        ('say "hi", you', 'say "hi", you'), ({"a": "ä"}, '{"a": "ä"}'), ([1], "[1]"), ("", ""),
    ],
)  # fmt: skip
def test_everything_else_stays_as_it_is(value: Any, written: str) -> None:
    assert read(["a"], [[value]])[1] == [written]


def test_headers_are_made_safe_too() -> None:
    assert read(["=x", "b"], [])[0] == ["'=x", "b"]


def test_a_long_export_comes_in_blocks() -> None:
    response = csv_response("x", ["n"], ([number] for number in range(50_000)))
    blocks = list(response)
    assert len(blocks) > 3
    assert b"".join(blocks).count(b"\n") == 50_001
    assert max(map(len, blocks)) < 100_000


def test_the_download_is_never_shown_as_a_page() -> None:
    response = csv_response("people", ["a"], [])
    assert response["Content-Disposition"] == 'attachment; filename="people.csv"'
    assert response["X-Content-Type-Options"] == "nosniff"


def test_a_deep_blank_prefix_does_not_slow_it_down() -> None:
    assert safe(" " * 100_000 + "x") == " " * 100_000 + "x"
