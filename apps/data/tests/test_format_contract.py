"""What every format promises; a new one in FORMATS is tested by being there."""

import csv
import json
import tracemalloc
from collections.abc import Callable
from io import BytesIO, StringIO
from itertools import islice
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from apps.data.formats import FORMATS, format_of
from apps.data.formats.format import BadFile, BadRow, Options, Row
from apps.data.formats.lines import ENCODINGS
from apps.data.tests.reading_files import items, values


def as_csv(rows: list[dict[str, Any]]) -> str:
    text = StringIO(newline="")
    writer = csv.DictWriter(text, rows[0])
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()


def as_jsonl(rows: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(row) + "\n" for row in rows)


WRITERS: dict[str, Callable[[list[dict[str, Any]]], str]] = {"csv": as_csv, "jsonl": as_jsonl}
BROKEN = {"csv": "x\n", "jsonl": "{x\n"}
PEOPLE = [{"id": str(number), "name": f"Ada {number}"} for number in range(20)]

every_format = pytest.mark.parametrize("name", sorted(FORMATS))
cell = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)


def test_each_format_has_a_writer_for_these_tests() -> None:
    assert WRITERS.keys() == BROKEN.keys() == FORMATS.keys()


@every_format
@settings(deadline=None)
@given(rows=st.lists(st.tuples(cell, cell, cell), min_size=1, max_size=20))
def test_what_is_written_is_read(name: str, rows: list[tuple[str, str, str]]) -> None:
    expected = [dict(zip(("first", "second", "third"), row, strict=True)) for row in rows]
    assert values(WRITERS[name](expected), name) == expected


@every_format
@settings(deadline=None)
@given(content=st.binary(max_size=200), encoding=st.sampled_from(sorted(ENCODINGS)))
def test_any_bytes_give_items_or_a_refusal(name: str, content: bytes, encoding: str) -> None:
    try:
        found = items(content, name, encoding=encoding)
    except BadFile:
        return
    assert all(isinstance(item, Row | BadRow) for item in found)


@every_format
@pytest.mark.parametrize("count", range(21))
def test_a_reader_goes_on_behind_the_lines_done(name: str, count: int) -> None:
    content = WRITERS[name](PEOPLE)
    reader = FORMATS[name](BytesIO(content.encode()), Options())
    before = list(islice(reader, count))
    done = reader.lines_done if count else 0
    assert [*before, *items(content, name, lines_done=done)] == items(content, name)


@every_format
def test_a_reader_goes_on_behind_records_of_many_lines_and_bad_ones(name: str) -> None:
    rows = [{"id": "1", "name": "a\r\nb\nc"}, {"id": "2", "name": "d"}]
    content = WRITERS[name](rows) + BROKEN[name] + WRITERS[name](rows)
    whole = items(content, name)
    reader = FORMATS[name](BytesIO(content.encode()), Options())
    for place, _ in enumerate(reader, start=1):
        assert items(content, name, lines_done=reader.lines_done) == whole[place:]


@every_format
def test_a_bad_row_is_named_and_the_others_are_given(name: str) -> None:
    found = items(WRITERS[name](PEOPLE) + BROKEN[name], name)
    assert [type(item) for item in found] == [Row] * 20 + [BadRow]


@every_format
@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfe\xfd", b"a\0b\n"])
def test_what_can_not_be_read_is_refused(name: str, content: bytes) -> None:
    with pytest.raises(BadFile):
        items(content, name)


@every_format
def test_bytes_done_grow_to_the_size(name: str) -> None:
    content = WRITERS[name](PEOPLE).encode()
    reader = FORMATS[name](BytesIO(content), Options())
    assert reader.bytes_done <= len(content)
    assert [item.line for item in reader] == sorted(item.line for item in items(content, name))
    assert reader.bytes_done == len(content)


@every_format
def test_memory_does_not_grow_with_the_file(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.data.formats.lines.BLOCK_BYTES", 4096)
    small, large = (peak_of_reading(name, WRITERS[name](PEOPLE * times).encode()) for times in (50, 1_000))
    assert large < small + 64 * 1024


def peak_of_reading(name: str, content: bytes) -> int:
    tracemalloc.start()
    for _ in FORMATS[name](BytesIO(content), Options()):
        continue
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return peak


@pytest.mark.parametrize(
    ("file_name", "expected"),
    [
        ("a.csv", "csv"),
        ("A.TSV", "csv"),
        ("a.jsonl", "jsonl"),
        ("a.ndjson", "jsonl"),
        ("a", "csv"),
        ("", "csv"),
    ],
)
def test_the_format_is_known_by_the_name(file_name: str, expected: str) -> None:
    assert format_of(file_name) == expected
