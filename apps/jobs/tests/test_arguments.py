"""Arguments against signatures and type hints."""

import contextlib
import functools
import json
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from celery import current_app
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from pydantic import BaseModel, Field

from apps.jobs.arguments import AnyTask, as_json, as_python, parameters
from apps.jobs.errors import ArgumentError

WIDE = {"width": 2, "height": 1}
STRANGER = "the task has no such argument"
PLACED_BY_NAME = "'wall' parameter is positional only, but was passed as a keyword"
SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.uuids()
ANYTHING = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text() | st.integers(), inner)
        | st.sets(st.integers())
    ),
)


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


def imported_for_checkers(path: "NotImported", times: int = 1) -> None: ...  # type: ignore[name-defined] # noqa: F821


def hinted(
    text: str = "",
    number: int = 0,
    share: float = 0.0,
    rows: list[dict[str, Any]] | None = None,
    data: dict | None = None,  # type: ignore[type-arg]
) -> None: ...


class Node(BaseModel):
    data: "Node | list[int]"


def recursive(node: Node) -> None: ...


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
        (loose, [None], {"coats": "x"}, ([None], {"coats": "x"})),
        (loose, [(1, (2,))], {"coats": ()}, ([[1, [2]]], {"coats": []})),
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
        (loose, [1, 2, 3], {}, {"": "too many positional arguments"}),
        (placed, [], {"wall": "north", "coats": 1}, {"": PLACED_BY_NAME}),
        (placed, ["north", 1, True], {}, {"": "too many positional arguments"}),
        (anything, ["north"], {"wall": "south"}, {"": "multiple values for argument 'wall'"}),
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


def test_a_name_that_is_no_text_is_refused() -> None:
    for run in (loose, anything):
        with pytest.raises(ArgumentError):
            as_json(task_of(run), [], {"wall": "north", 1: "a", "1": "b"})  # type: ignore[dict-item]


@pytest.mark.parametrize("args", ["north", b"north", {"wall": 1}, 5, None])
def test_arguments_by_place_come_in_a_list(args: Any) -> None:
    with pytest.raises(ArgumentError, match="expected a list of arguments, got"):
        as_json(task_of(loose), args, {})


@pytest.mark.parametrize("kwargs", [["wall"], "wall", None, 5])
def test_arguments_by_name_come_in_a_dict(kwargs: Any) -> None:
    with pytest.raises(ArgumentError, match="expected a dict of arguments by name, got"):
        as_json(task_of(loose), [], kwargs)


@pytest.mark.parametrize(
    ("run", "args", "kwargs", "name", "said"),
    [
        (loose, [{1, 2}], {}, "wall", "a set is not JSON"),
        (loose, [], {"wall": object()}, "wall", "an object is not JSON"),
        (loose, [b"bytes"], {}, "wall", "a bytes is not JSON"),
        (loose, [1], {"coats": Decimal("1.1")}, "coats", "a Decimal is not JSON"),
        (loose, [UUID(int=1)], {}, "wall", "a UUID is not JSON"),
        (loose, [date(2026, 1, 2)], {}, "wall", "a date is not JSON"),
        (loose, [float("nan")], {}, "wall", "NaN is not JSON"),
        (loose, [{"rows": [1, float("-inf")]}], {}, "wall", "rows.1: infinity is not JSON"),
        (loose, ["\ud800"], {}, "wall", "text with half a surrogate pair (U+D800), which is no character"),
        (loose, ["a\0"], {}, "wall", "text with a NUL character (U+0000), which PostgreSQL can't store"),
        (loose, [10**5000], {}, "wall", "an integer of more than 1,000 digits"),
        (loose, [{1: "a", "1": "b"}], {}, "wall", "a key must be text, got an int (1)"),
        (loose, [Size(width=1)], {}, "wall", "a Size is not JSON"),
        (hinted, ["a\0"], {}, "text", "text with a NUL character"),
        (hinted, [], {"number": 10**5000}, "number", "an integer of more than 1,000 digits"),
        (hinted, [], {"share": float("nan")}, "share", "NaN is not JSON"),
        (hinted, [], {"data": {"a": {1}}}, "data", "a: a set is not JSON"),
        (hinted, [], {"data": {1: 1}}, "data", "a key must be text, got an int (1)"),
        (hinted, [], {"rows": [{}, {"price": Decimal(1)}]}, "rows", "1.price: a Decimal is not JSON"),
        (hinted, [], {"rows": [{"at": datetime.now(UTC)}]}, "rows", "0.at: a datetime is not JSON"),
        (anything, ["north", 1, {2}], {}, "*more", "1: a set is not JSON"),
        (anything, ["north"], {"extra": {2}}, "extra", "a set is not JSON"),
        (imported_for_checkers, [PurePath("/tmp")], {}, "path", "is not JSON"),
    ],
)  # fmt: skip
def test_what_would_not_survive_is_refused_at_the_door(
    run: Callable[..., Any], args: list[Any], kwargs: dict[str, Any], name: str, said: str
) -> None:
    found = problems(run, *args, **kwargs)
    assert list(found) == [name]
    assert said in found[name]


@pytest.mark.parametrize(("run", "name"), [(loose, "wall"), (hinted, "data"), (recursive, "node")])
def test_three_thousand_levels_are_refused(run: Callable[..., Any], name: str) -> None:
    deep: Any = []
    for _ in range(3000):
        deep = {"data": deep}
    said = problems(run, **{name: deep})[name]
    assert any(word in said for word in ("deeper than 20 levels", "recursion", "depth"))


def test_twenty_levels_pass_by_place_by_name_and_beyond() -> None:
    deep: Any = []
    for _ in range(19):
        deep = [deep]
    assert as_json(task_of(anything), ["north", deep], {"a": deep}) == (["north", deep], {"a": deep})
    assert "wall" in problems(loose, [deep])


def test_too_many_bytes_are_refused_with_what_to_do_instead(settings: Any) -> None:
    found = problems(loose, "x" * 20_000_000, coats=1)
    assert found["wall"].startswith("the arguments are 20,000,0")
    assert found["wall"].endswith("bytes as JSON, more than 65,536: store the data and pass its id")
    settings.JOB_ARGUMENTS_MAX_BYTES = 1024
    assert list(problems(loose, "a", coats="x" * 1024)) == ["coats"]
    assert list(problems(anything, "a", *range(1024))) == ["*more"]


def test_every_argument_that_would_not_survive_is_named() -> None:
    assert set(problems(loose, {1}, coats=b"")) == {"wall", "coats"}


def test_what_is_sent_is_a_copy() -> None:
    rows = [{"a": 1}]
    (sent,), _ = as_json(task_of(loose), [rows], {})
    rows.append({"b": 2})
    assert sent == [{"a": 1}]


@given(ANYTHING)
@hypothesis_settings(max_examples=300, deadline=None)
def test_whatever_is_accepted_survives_as_it_was_given(value: Any) -> None:
    for run, given_kwargs in ((loose, {"wall": value}), (hinted, {"data": {"a": value}})):
        with contextlib.suppress(ArgumentError):
            args, kwargs = as_json(task_of(run), [], given_kwargs)
            assert json.loads(json.dumps([args, kwargs], allow_nan=False)) == [args, kwargs]
            assert lists_of(given_kwargs) == kwargs


def lists_of(value: Any) -> Any:
    """Tuples as JSON has them."""
    if isinstance(value, dict):
        return {key: lists_of(inner) for key, inner in value.items()}
    return [lists_of(inner) for inner in value] if isinstance(value, list | tuple) else value


def test_positional_only_and_further_names_may_be_the_same() -> None:
    def run(name: int, /, **others: str) -> None: ...

    assert as_json(task_of(run), ["1"], {"name": "a"}) == ([1], {"name": "a"})
    assert problems(run, name="a") == {"": "'name' parameter is positional only, but was passed as a keyword"}
