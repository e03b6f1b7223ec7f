"""Arguments against signatures and type hints."""

import functools
from collections.abc import Callable
from datetime import date
from enum import Enum
from typing import TYPE_CHECKING, Annotated, Any, Literal

import pytest
from celery import current_app
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, SecretStr

from apps.jobs.arguments import AnyTask, as_json, as_python, parameters
from apps.jobs.errors import ArgumentError

if TYPE_CHECKING:
    from pathlib import PurePath


WIDE = {"width": 2, "height": 1}
STRANGER = "the task has no such argument"
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text()
JSON_VALUES = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))


class Colour(Enum):
    RED = "r"


class Size(BaseModel):
    width: int
    height: int = 1


def typed(wall: str, coats: int = 2, colour: Colour = Colour.RED) -> None: ...


def loose(wall, coats=2):  # type: ignore[no-untyped-def]
    ...


def placed(wall: str, coats: int, /, *, fast: bool = False) -> None: ...


def anything(wall: str, *more: int, **others: str) -> None: ...


def imported_for_checkers(path: "PurePath", times: int = 1) -> None: ...


def rich(
    day: date,
    size: Size,
    mode: Literal["a", "b"] = "a",
    tags: list[str] | None = None,
    number: Annotated[int, Field(ge=1)] = 1,
) -> None: ...


def task_of(run: Callable[..., Any], **options: Any) -> AnyTask:
    register: Any = current_app.task(name=f"test.{run.__name__}", lazy=False, **options)
    task = register(run)
    found: AnyTask = current_app.tasks.pop(task.name)
    return found


def problems(run: Callable[..., Any], *args: Any, **kwargs: Any) -> dict[str, str]:
    with pytest.raises(ArgumentError) as caught:
        as_json(task_of(run), args, kwargs)
    return caught.value.problems


@pytest.mark.parametrize(
    ("run", "args", "kwargs", "sent"),
    [
        (typed, [], {"wall": "north"}, ([], {"wall": "north"})),
        (typed, ["north"], {"coats": "3"}, (["north"], {"coats": 3})),
        (typed, ["north", 3.0], {"colour": "r"}, (["north", 3], {"colour": "r"})),
        (typed, ["north", 3, Colour.RED], {}, (["north", 3, "r"], {})),
        (typed, ["north"], {"colour": "r"}, (["north"], {"colour": "r"})),
        (loose, [object], {"coats": "x"}, ([object], {"coats": "x"})),
        (placed, ["north", "2"], {"fast": "yes"}, (["north", 2], {"fast": True})),
        (anything, ["north", 1, 2], {"a": "b"}, (["north", 1, 2], {"a": "b"})),
        (imported_for_checkers, ["/tmp"], {"times": "2"}, (["/tmp"], {"times": "2"})),
        (
            rich,
            [],
            {"day": date(2026, 1, 2), "size": Size(width=2)},
            ([], {"day": "2026-01-02", "size": WIDE}),
        ),
        (rich, ["2026-01-02", {"width": "2"}, "b", None], {}, (["2026-01-02", WIDE, "b", None], {})),
    ],
)
def test_arguments_that_fit_become_plain_json_as_they_were_given(
    run: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], sent: tuple[list[Any], dict[str, Any]]
) -> None:
    assert as_json(task_of(run), args, kwargs) == sent


def test_a_secret_is_sent_as_it_is() -> None:
    def run(token: SecretStr) -> None: ...

    assert as_json(task_of(run), [], {"token": "hunter2"}) == ([], {"token": "hunter2"})


def test_the_worker_gets_the_declared_types() -> None:
    task = task_of(rich)
    args, _ = as_python(task, ["2026-01-02", {"width": 2}], {})
    assert args == [date(2026, 1, 2), Size(width=2)]
    args, _ = as_python(task_of(typed), ["north", 1, "r"], {})
    assert args[2] is Colour.RED


@pytest.mark.parametrize(
    ("run", "args", "kwargs", "said"),
    [
        (typed, [], {}, {"wall": "missing"}),
        (typed, ["north"], {"coat": 2}, {"coat": f"{STRANGER}; did you mean coats?"}),
        (typed, ["north"], {"zzz": 2}, {"zzz": STRANGER}),
        (typed, [], {"coat": 2}, {"coat": f"{STRANGER}; did you mean coats?", "wall": "missing"}),
        (typed, ["north"], {"wall": "south"}, {"": "multiple values for argument 'wall'"}),
        (typed, ["a", 1, "r", 4], {}, {"": "too many positional arguments"}),
        (loose, [], {}, {"wall": "missing"}),
        (rich, ["2026-01-02", {}], {}, {"size": "width: Field required"}),
    ],
)
def test_what_does_not_fit_is_named(
    run: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], said: dict[str, str]
) -> None:
    assert problems(run, *args, **kwargs) == said


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("day", "yesterday", "valid date"),
        ("mode", "c", "'a' or 'b'"),
        ("tags", "a", "valid list"),
        ("number", 0, "greater than or equal to 1"),
        ("number", "one", "valid integer"),
        ("number", 1.5, "valid integer"),
        ("number", None, "valid integer"),
        ("size", [], "valid dictionary"),
    ],
)
def test_a_value_of_the_wrong_kind_is_named_with_what_was_expected(name: str, value: Any, said: str) -> None:
    good = {"day": "2026-01-02", "size": {"width": 1}}
    found = problems(rich, **{**good, name: value})
    assert list(found) == [name]
    assert said in found[name]


def test_every_bad_value_is_named_at_once() -> None:
    assert set(problems(rich, day="x", size=1, mode=2, number="y")) == {"day", "size", "mode", "number"}


def test_complaints_about_one_value_are_at_most_three() -> None:
    def run(numbers: list[int]) -> None: ...

    assert problems(run, numbers=list("abcdef"))["numbers"].count("valid integer") == 3


def test_a_default_of_none_allows_none_whatever_the_hint() -> None:
    def run(times: int = None) -> None: ...  # type: ignore[assignment] # noqa: RUF013

    assert as_json(task_of(run), [], {"times": None}) == ([], {"times": None})


def test_parameters_leave_out_self_and_the_variadic_ones() -> None:
    def run(self: object, wall: str, *more: int, fast: bool = False, **others: str) -> None: ...

    assert list(parameters(task_of(run, bind=True))) == ["wall", "fast"]


def test_a_decorated_task_shows_the_signature_inside() -> None:
    @functools.wraps(typed)
    def run(*args: Any, **kwargs: Any) -> None: ...

    assert list(parameters(task_of(run))) == ["wall", "coats", "colour"]


def test_a_mutable_default_is_not_touched() -> None:
    tags: list[str] = []

    def run(tags: list[str] = tags) -> None: ...

    as_json(task_of(run), [], {"tags": ["a"]})
    assert parameters(task_of(run))["tags"].default is tags
    assert tags == []


@given(JSON_VALUES)
def test_untyped_arguments_pass_unchanged(value: Any) -> None:
    assert as_json(task_of(loose), [value], {}) == ([value], {})
