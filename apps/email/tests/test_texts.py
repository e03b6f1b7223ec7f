from collections.abc import Callable
from typing import Any

import pytest

from apps.email import texts


@pytest.mark.parametrize("check", [texts.subject, texts.key, texts.template_name])
@pytest.mark.parametrize("character", ["\r", "\n", "\t", "\x00", "\u2028", "\x9f", "\udfff"])
def test_what_becomes_a_header_holds_no_control_character(
    check: Callable[[str], str], character: str
) -> None:
    with pytest.raises(ValueError, match=rf"U\+{ord(character):04X} at position 3"):
        check(f"Hi{character}Bcc: eve@example.com")


@pytest.mark.parametrize(
    ("check", "limit"), [(texts.subject, 998), (texts.key, 255), (texts.template_name, 100)]
)
def test_lines_have_a_limit(check: Callable[[str], str], limit: int) -> None:
    assert check("x" * limit) == "x" * limit
    with pytest.raises(ValueError, match=f"at most {limit} characters, got {limit + 1}"):
        check("x" * (limit + 1))


def test_a_subject_may_hold_any_script() -> None:
    assert texts.subject("你好 👩‍🚀 مرحبا") == "你好 👩‍🚀 مرحبا"


def test_a_body_may_have_lines_and_tabs() -> None:
    assert texts.body("a\r\n\tb\n") == "a\r\n\tb\n"


@pytest.mark.parametrize("text", ["a\x00b", "a\ud83d"])
def test_a_body_holds_nothing_that_can_not_be_stored(text: str) -> None:
    with pytest.raises(ValueError, match="NUL and halves of surrogate pairs are not allowed"):
        texts.body(text)


def test_a_body_is_measured_in_bytes() -> None:
    with pytest.raises(ValueError, match="at most 1000000 bytes, got 1000002"):
        texts.body("ü" * 500_001)


def test_values_are_plain() -> None:
    values = {"name": "Ann", "count": 3, "price": 1.5, "vip": True, "note": None, "_x1": ""}
    assert texts.context(values) == values


@pytest.mark.parametrize(
    "value",
    [
        [],
        {},
        {"a": 1},
        ["x"],
        float("nan"),
        float("inf"),
        10**30,
        pytest.param(-(10**5000), id="huge"),
        b"x",
        object(),
    ],
)
def test_other_values_are_refused_by_name(value: Any) -> None:
    with pytest.raises(ValueError, match="^price: expected text, a number, true, false or null$"):
        texts.context({"price": value})


@pytest.mark.parametrize("name", ["", "1a", "a b", "a.b", "a-b", "ä", "x" * 101, "__class__.x"])
def test_names_are_words(name: str) -> None:
    with pytest.raises(ValueError, match="is no name for a variable"):
        texts.context({name: "x"})


def test_a_value_has_a_limit() -> None:
    with pytest.raises(ValueError, match="name: expected at most 10000 characters"):
        texts.context({"name": "x" * 10_001})


def test_a_value_holds_no_nul() -> None:
    with pytest.raises(ValueError, match="NUL"):
        texts.context({"name": "\x00"})
