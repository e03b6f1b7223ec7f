"""What titles, messages and links may look like."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from apps.notification import wording


def refused(kind: Any, text: str) -> str:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(text)
    return str(caught.value.errors()[0]["msg"])


@pytest.mark.parametrize("text", ["", "  ", "\t", "a\nb", "a\rb", "a\x00", "a\u2028b", "a\ud800", "x" * 201])
def test_a_title_is_one_visible_line(text: str) -> None:
    assert refused(wording.Title, text)


def test_a_title_says_which_character_is_wrong() -> None:
    assert "U+0007" in refused(wording.Title, "bell\x07")


def test_a_title_loses_the_blanks_around_it() -> None:
    assert TypeAdapter(wording.Title).validate_python("  Disk full 💾 磁盘 ") == "Disk full 💾 磁盘"


@pytest.mark.parametrize("text", ["a\x00b", "\x1b[31m", "half \ud83d", "x" * 100_000])
def test_a_message_has_no_control_characters_and_an_end(text: str) -> None:
    assert refused(wording.Message, text)


@pytest.mark.parametrize(
    "text", ["", "two\nlines\twith\r\nbreaks", "x" * 20_000, "<script>alert(1)</script>"]
)
def test_a_message_may_have_lines_and_be_long(text: str) -> None:
    assert TypeAdapter(wording.Message).validate_python(text) == text


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)", "JavaScript:alert(1)", "data:text/html,x", "//evil.example", "/\\evil.example",
        "http://", "https:///path", "ftp://example.com", "mailto:a@example.com", "example.com", "",
        "https://user:pass@example.com/", "https://example.com/a b", "https://example.com/\n", "http://[::1",
        'https://example.com/"onclick=', "https://example.com/" + "x" * 2_000,
    ],
)  # fmt: skip
def test_a_link_that_leads_astray_is_refused(url: str) -> None:
    assert refused(wording.Link, url)


@pytest.mark.parametrize(
    "url", ["/", "/jobs/1/?a=b#c", "http://example.com", "https://例え.jp/道", "https://[2001:db8::1]/x"]
)
def test_a_link_may_be_an_address_or_a_path_of_this_site(url: str) -> None:
    assert TypeAdapter(wording.Link).validate_python(url) == url


@given(st.text())
def test_any_text_is_either_refused_or_can_be_stored(text: str) -> None:
    try:
        wording.plain_text(text)
    except ValueError:
        return
    assert wording.storable(text) == text


@given(st.text())
def test_what_a_receiver_answers_can_always_be_stored(text: str) -> None:
    stored = wording.storable(text)
    assert "\x00" not in stored
    assert stored.encode().decode() == stored
