"""Arguments by place and by name, and the odd signatures."""

from typing import Any

import pytest

from apps.console.tests.cast import form_of, task_of
from apps.jobs import Call
from apps.jobs.errors import ArgumentError
from apps.taskforms.calling import all_parameters, arranged, by_name
from apps.taskforms.forms import KEY


def plain(left, right=2):  # type: ignore[no-untyped-def]
    ...


def placed(left, right=2, /, third=3):  # type: ignore[no-untyped-def]
    ...


def named(*, left, right=2):  # type: ignore[no-untyped-def]
    ...


def anything(left, right=2, *more, last=0, **others):  # type: ignore[no-untyped-def]
    ...


@pytest.mark.parametrize(
    ("run", "given", "args", "kwargs"),
    [
        (plain, {"left": 1}, [], {"left": 1}),
        (plain, {"right": 3, "left": 1}, [], {"right": 3, "left": 1}),
        (placed, {"left": 1}, [1], {}),
        (placed, {"left": 1, "third": 4}, [1], {"third": 4}),
        (placed, {"left": 1, "right": 5}, [1, 5], {}),
        (placed, {"right": 5}, [], {"right": 5}),
        (named, {"left": 1}, [], {"left": 1}),
        (anything, {"left": 1}, [], {"left": 1}),
        (anything, {"left": 1, "*more": [7, 8]}, [1, 2, 7, 8], {}),
        (anything, {"left": 1, "right": 3, "*more": [7], "last": 9}, [1, 3, 7], {"last": 9}),
        (anything, {"left": 1, "**others": {"colour": "red"}}, [], {"left": 1, "colour": "red"}),
        (anything, {"*more": [7]}, [], {}),
    ],
)
def test_arguments_go_by_name_where_they_can(
    run: Any, given: dict[str, Any], args: list[Any], kwargs: dict[str, Any]
) -> None:
    assert arranged(task_of(run), given) == Call(args, kwargs)


@pytest.mark.parametrize(
    ("args", "kwargs", "named_arguments"),
    [
        ([1], {}, {"left": 1}),
        ([1, 3], {"last": 9}, {"left": 1, "right": 3, "last": 9}),
        ([1, 3, 7], {"a": 0}, {"left": 1, "right": 3, "*more": [7], "**others": {"a": 0}}),
    ],
)
def test_a_call_reads_by_name(
    args: list[Any], kwargs: dict[str, Any], named_arguments: dict[str, Any]
) -> None:
    task = task_of(anything)
    assert by_name(task, Call(args, kwargs)) == named_arguments
    assert by_name(task, arranged(task, named_arguments)) == named_arguments


def test_a_call_that_no_longer_fits_reads_by_number() -> None:
    assert by_name(task_of(plain), Call([1, 2, 3], {"old": 4})) == {"#1": 1, "#2": 2, "#3": 3, "old": 4}


def test_a_call_of_a_task_that_is_gone_reads_by_number() -> None:
    assert by_name(None, Call([1], {"left": 2})) == {"#1": 1, "left": 2}


def test_the_form_asks_for_further_arguments_too() -> None:
    assert list(all_parameters(task_of(anything))) == ["left", "right", "*more", "last", "**others"]
    typed = {"left": "1", "right": "2", "*more": "[7]", "last": "0", "**others": '{"colour": "red"}'}
    form = form_of(anything, typed)
    assert form.is_valid(), form.errors
    assert form.call == Call([1, 2, 7], {"colour": "red"})


@pytest.mark.parametrize(("field", "typed"), [("*more", '{"a": 1}'), ("**others", "[1]"), ("*more", "7")])
def test_further_arguments_are_a_list_and_an_object(field: str, typed: str) -> None:
    form = form_of(anything, {"left": "1", "right": "2", "last": "0", field: typed})
    assert "Expected a JSON" in str(form.errors[KEY + field])


def test_the_same_argument_twice_is_refused() -> None:
    with pytest.raises(ArgumentError, match="other names than those above: left"):
        arranged(task_of(anything), {"left": 1, "**others": {"left": 2}})
    form = form_of(anything, {"left": "1", "right": "2", "last": "0", "**others": '{"left": 2}'})
    assert "other names than those above: left" in str(form.errors[f"{KEY}**others"])


def test_a_missing_argument_by_place_is_an_error_at_its_field() -> None:
    form = form_of(placed, {"left": "", "right": "5", "third": "3"})
    assert list(form.errors) == [f"{KEY}left"]
