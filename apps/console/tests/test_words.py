"""Figures in words: the template filters."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from apps.console.templatetags.console import (
    ago,
    ahead,
    duration,
    inline,
    outcome,
    pretty,
    printable,
    task_title,
    time_left,
)
from apps.console.tests.cast import failure, job
from apps.jobs.reading.rows import lines, rows


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (-1, "0 ms"), (0, "0 ms"), (0.0042, "4 ms"), (1.25, "1.2 s"), (12.4, "12 s"), (59.4, "59 s"),
        (200, "3 min 20 s"), (7500, "2 h 5 min"), (3600 * 76, "3 d 4 h"),
    ],
)  # fmt: skip
def test_a_duration_has_the_digits_that_matter(seconds: float, words: str) -> None:
    assert duration(timedelta(seconds=seconds)) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (None, ""), (0, "about 0 seconds left"), (1, "about 1 second left"), (59, "about 59 seconds left"),
        (61, "about 1 minute left"), (1800, "about 30 minutes left"), (7000, "about 2 hours left"),
    ],
)  # fmt: skip
def test_the_time_left_is_a_round_guess(seconds: int | None, words: str) -> None:
    assert time_left(seconds) == words


@pytest.mark.parametrize(
    ("back", "words"), [(5, "just now"), (130, "2\xa0minutes ago"), (90_000, "1\xa0day ago")]
)
def test_the_past_is_said_roughly(back: int, words: str) -> None:
    assert ago(timezone.now() - timedelta(seconds=back)) == words


@pytest.mark.parametrize(
    ("left", "words"),
    [(-5, "in a moment"), (5, "in a moment"), (190, "in 3\xa0minutes"), (90_100, "in 1\xa0day")],
)
def test_the_future_is_said_roughly(left: int, words: str) -> None:
    assert ahead(timezone.now() + timedelta(seconds=left)) == words


def test_what_is_not_known_is_not_said() -> None:
    assert (duration(None), ago(None), ahead(None), printable(None)) == ("", "", "", "")


@pytest.mark.parametrize(
    ("value", "line"),
    [
        ("Ann", "Ann"), ("", '""'), (5, "5"), (None, "null"), (True, "true"), (["a"], '["a"]'),
        ("a\nb", ""), ("x" * 81, ""), ({"a": "x" * 80}, ""), ("\ud800", "\\ud800"),
    ],
)  # fmt: skip
def test_a_short_value_stands_on_one_line(value: Any, line: str) -> None:
    assert inline(value) == line


def test_a_value_is_shown_as_json() -> None:
    assert pretty({"städte": [1]}) == '{\n  "städte": [\n    1\n  ]\n}'
    assert pretty("plain text") == "plain text"
    assert pretty({1, 2}) == '"{1, 2}"'


def test_a_task_has_a_title_even_without_a_name() -> None:
    assert (task_title("apps.email.tasks.send_email_task"), task_title("")) == ("Send email", "Unknown task")


@pytest.mark.django_db
def test_the_outcome_is_the_result_or_the_error() -> None:
    job(result={"a": 1})
    job(result="done")
    job()
    job("STARTED")
    failure("wet")
    words = [outcome(line) for line in lines(rows().order_by("id"))]
    assert words == ['{"a": 1}', "done", "", "", "ValueError: wet"]
