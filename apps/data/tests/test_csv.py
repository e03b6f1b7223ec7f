"""CSV files, good and bad."""

import pytest

from apps.data.formats.csv import sniff
from apps.data.formats.format import BadFile, BadRow, Row
from apps.data.tests.reading_files import bad, items, values


def test_rows_are_given_by_column_name() -> None:
    assert values("a,b\n1,2\n3,4\n") == [{"a": "1", "b": "2"}, {"a": "3", "b": "4"}]


def test_rows_know_the_line_they_start_in() -> None:
    found = items('a,b\n1,"x\ny"\n\n3,4\n')
    assert [item.line for item in found] == [2, 5]


@pytest.mark.parametrize(
    "content",
    [
        "a,b\r\n1,2\r\n",
        "a,b\r1,2\r",
        "a,b\n1,2",
        "\n\na,b\n\n1,2\n\n",
        "\ufeffa,b\n1,2\n",
        " a , b \n1,2\n",
        "a;b\n1;2\n",
        "a\tb\n1\t2\n",
        "a|b\n1|2\n",
        '"a","b"\n"1","2"\n',
    ],
)
def test_what_people_save_is_read(content: str) -> None:
    assert values(content) == [{"a": "1", "b": "2"}]


def test_line_ends_may_be_mixed() -> None:
    found = values('a,b\r\n1,2\n3,4\r5,"6\r\n7"\r\n')
    assert [row["b"] for row in found] == ["2", "4", "6\r\n7"]


def test_a_single_column_needs_no_delimiter() -> None:
    assert values("name\nAda\n") == [{"name": "Ada"}]


@pytest.mark.parametrize(
    ("line", "delimiter"), [("a,b;c,d", ","), ("a;b;c", ";"), ('"x,y,z";b', ";"), ("a\tb", "\t"), ("a", ",")]
)
def test_the_delimiter_is_found_in_the_header(line: str, delimiter: str) -> None:
    assert sniff(line) == delimiter


def test_a_given_delimiter_is_taken() -> None:
    assert values("a,x;b\n1;2\n", delimiter=";") == [{"a,x": "1", "b": "2"}]


def test_special_characters_stay_as_they_are() -> None:
    text = "x\u2028y\x0cz\x85\u200f\u202e"
    assert values(f"a,b\n{text},=1+1\n") == [{"a": text, "b": "=1+1"}]


@pytest.mark.parametrize("encoding", ["utf-16", "latin-1", "gb18030"])
def test_other_encodings_are_read_when_named(encoding: str) -> None:
    text = "name,city\nJosé,Málaga\n"
    assert values(text.encode(encoding), encoding=encoding) == [{"name": "José", "city": "Málaga"}]


def test_chinese_text_is_read_in_its_own_encoding() -> None:
    assert values("姓名,城市\n李雷,上海\n".encode("gb18030"), encoding="gb18030") == [
        {"姓名": "李雷", "城市": "上海"}
    ]


def test_characters_across_block_ends_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("apps.data.formats.lines.BLOCK_BYTES", 3)
    assert values('ä,b\r\n€uro,"😀\r\nx"\r\n') == [{"ä": "€uro", "b": "😀\r\nx"}]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "empty"),
        ("\n \n", "empty"),
        ("\ufeff", "empty"),
        ("a,,c\n1,2,3\n", "column 2"),
        ("a,b, \n", "column 3"),
        ("a,b,a\n1,2,3\n", "'a' more than once"),
        ("1,2,3\n4,5,6\n", "got data"),
        (",".join(f"c{n}" for n in range(201)) + "\n", "at most 200 columns"),
        (f"{'n' * 201},b\n", "1 to 200 characters"),
        ('"a"x,b\n1,2\n', "header can't be read"),
        ('"a,b\n1,2\n', "header can't be read"),
    ],
)
def test_a_file_with_a_wrong_header_is_refused(content: str, words: str) -> None:
    with pytest.raises(BadFile, match=words):
        items(content)


def test_a_million_columns_are_refused() -> None:
    with pytest.raises(BadFile, match="columns"):
        items("c," * 1_000_000 + "c\n")


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"name\nJos\xe9\n", r"expected utf-8 text, but byte 8 \(0xE9, line 2\)"),
        ("a,b\n1,2\n".encode("utf-16"), r"byte 0 \(0xFF, line 1\).*utf-16\?"),
        ("a,b\n1,2\n".encode("utf-16-le"), "NUL"),
        (b"a,b\n1,\x00\n", "line 2 holds a NUL"),
        (b"a\n" + b"x" * 300_000 + b"\n\xff\n", r"byte 300003 .*line 3"),
        (b"a\nx\xe2\x82", "byte 3"),
    ],
)
def test_what_is_not_text_is_refused_with_its_place(content: bytes, words: str) -> None:
    with pytest.raises(BadFile, match=words):
        items(content)


def test_utf_16_without_its_mark_is_refused() -> None:
    with pytest.raises(BadFile, match="expected utf-16 text"):
        items("a,b\n1,2\n", encoding="utf-16")


def test_half_a_utf_16_character_is_refused() -> None:
    with pytest.raises(BadFile, match="expected utf-16"):
        items("a,b\n1,2\n".encode("utf-16") + b"\x41", encoding="utf-16")


@pytest.mark.parametrize("row", ["1", "1,2,3", "1,2,", "1;2"])
def test_a_ragged_row_costs_only_itself(row: str) -> None:
    found = items(f"a,b\n{row}\n3,4\n")
    assert isinstance(found[0], BadRow)
    assert (found[0].line, found[0].kind) == (2, "cells")
    assert found[0].raw == f"{row}\n"
    assert found[1] == Row(3, {"a": "3", "b": "4"})


def test_a_quote_inside_a_cell_costs_only_its_row() -> None:
    found = items('a,b\n"x"y,2\n3,4\n')
    assert (found[0].line, getattr(found[0], "kind", "")) == (2, "quotes")
    assert found[1] == Row(3, {"a": "3", "b": "4"})


def test_a_quote_that_is_never_closed_refuses_the_file() -> None:
    with pytest.raises(BadFile, match="line 3: a quote is never closed"):
        items('a,b\n1,2\n3,"4\n5,6\n')


def test_an_open_quote_is_noticed_long_before_the_end() -> None:
    with pytest.raises(BadFile, match="line 2: a quote is never closed"):
        items('a,b\n1,"2\n' + "3,4\n" * 100_000)


def test_a_cell_that_is_too_long_costs_only_its_row() -> None:
    content = f"a,b\n1,{'x' * 32_769}\n2,{'y' * 32_768}\n3,{'z' * 200_000}\n4,5\n"
    found = items(content)
    assert [getattr(item, "kind", "row") for item in found] == ["too_long", "row", "too_long", "row"]
    assert getattr(found[0], "column", "") == "b"


def test_a_line_without_end_is_refused_in_bounded_memory() -> None:
    with pytest.raises(BadFile, match="line 2 is longer"):
        items(b"a,b\n" + b"x" * 9_000_000)


def test_a_record_without_end_is_refused() -> None:
    with pytest.raises(BadFile, match="never closed"):
        items("a,b\n" + '"x\n",' * 2_000_000)


def test_an_empty_row_of_two_columns_is_a_row() -> None:
    assert values("a,b\n,\n") == [{"a": "", "b": ""}]


def test_one_bad_row_in_many_is_found() -> None:
    assert bad("a,b\n" + "1,2\n" * 5_000 + "1\n" + "1,2\n" * 5_000).line == 5_002
