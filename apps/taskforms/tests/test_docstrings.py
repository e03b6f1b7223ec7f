"""Docstrings as help."""

import pytest

from apps.taskforms.docstrings import Help, read

GOOGLE = """Sends parcels.

They leave at noon,
whatever the weather.

Args:
    parcels (list): what goes where,
        and when
    day: when the van comes
    who knows: no argument

It returns nothing.
"""
SPHINX = """Sends parcels.

:param str parcels: what goes where
:param day: when the van comes
:returns: nothing
"""


def test_the_first_paragraph_is_the_summary() -> None:
    assert read("Sends\nparcels.\n\nThey leave.", ()) == Help("Sends parcels.", ("They leave.",), {})


def test_argument_lines_go_to_their_fields() -> None:
    found = read(GOOGLE, {"parcels", "day"})
    assert found.arguments == {"parcels": "What goes where, and when.", "day": "When the van comes."}
    assert found.rest == (
        "They leave at noon, whatever the weather.", "who knows: no argument", "It returns nothing.",
    )  # fmt: skip


def test_sphinx_style_is_read_too() -> None:
    found = read(SPHINX, {"parcels", "day"})
    assert found.arguments == {"parcels": "What goes where.", "day": "When the van comes."}
    assert found.rest == (":returns: nothing",)


@pytest.mark.parametrize(
    "line", ["day: when", "`day`: when", "``day``: when", "*day: when", "day (int): when"]
)
def test_an_argument_is_known_in_every_dress(line: str) -> None:
    assert read(f"Sends.\n\n{line}", {"day"}).arguments == {"day": "When."}


def test_a_sentence_with_a_colon_is_not_an_argument() -> None:
    assert read("Sends.\n\nNote: it rains.", {"day"}).rest == ("Note: it rains.",)


def test_no_docstring_is_no_help() -> None:
    assert read("", {"day"}) == Help("", (), {})
