"""JSON Lines, good and bad."""

import json

import pytest

from apps.data.formats.format import BadFile
from apps.data.tests.reading_files import bad, items, values


def test_values_keep_their_types() -> None:
    row = {"a": 1, "b": 2.5, "c": None, "d": [True, {"e": "f"}], "名": "李 😀"}
    assert values(json.dumps(row) + "\n" + json.dumps(row, ensure_ascii=False), "jsonl") == [row, row]


def test_blank_lines_are_passed_over() -> None:
    assert [item.line for item in items('\n{"a": 1}\n\n{"a": 2}\n', "jsonl")] == [2, 4]


@pytest.mark.parametrize("content", ["", "\n", "[1, 2]\n", "a,b\n1,2\n", "null\n"])
def test_a_file_of_something_else_is_refused(content: str) -> None:
    with pytest.raises(BadFile):
        items(content, "jsonl")


@pytest.mark.parametrize(
    "line",
    [
        "[1]", "3", '"text"', "null", "{", '{"a": }', "{'a': 1}", '{"a": NaN}', '{"a": -Infinity}',
        '{"a": 1e999}', '{"a": "\\u0000"}', '{"a": "\\ud800"}', '{"\\udc00": 1}', '{"a": ' + "9" * 5000 + "}",
        '{"": 1}', json.dumps({"n" * 201: 1}), json.dumps({f"c{n}": n for n in range(201)}),
        '{"a": ' + "[" * 3000 + "]" * 3000 + "}", '{"a": 1} {"b": 2}',
    ],
)  # fmt: skip
def test_a_row_that_can_not_be_stored_costs_only_itself(line: str) -> None:
    error = bad(f'{{"a": 1}}\n{line}\n{{"a": 3}}\n', "jsonl")
    assert error.line == 2
    assert error.kind in {"not_json", "too_many"}
    assert error.message


@pytest.mark.parametrize("text", ["\\\\u0000", "\\\\\\\\u0000", "\\ud83d\\ude00", "u0000"])
def test_text_that_only_looks_dangerous_is_taken(text: str) -> None:
    line = f'{{"a": "{text}"}}'
    assert values(line, "jsonl") == [json.loads(line)]
