"""Arguments that have a type: what is sent is JSON of which the worker makes the same value."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum, IntEnum, StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple
from uuid import UUID

import pytest
from celery import current_app
from pydantic import (
    AfterValidator,
    AliasChoices,
    BaseModel,
    Field,
    GetCoreSchemaHandler,
    Json,
    JsonValue,
    Secret,
    SecretBytes,
    SecretStr,
    computed_field,
)
from pydantic_core import CoreSchema, core_schema
from typing_extensions import TypedDict

from apps.jobs.arguments import AnyTask, as_json, as_python
from apps.jobs.errors import ArgumentError


class Colour(Enum):
    RED = "r"


class Level(IntEnum):
    LOW = 1


class Word(StrEnum):
    YES = "yes"


class Named(BaseModel):
    first: int = Field(alias="First")
    second: int = Field(0, alias="second-one")


class Shown(BaseModel):
    shown: int = Field(0, serialization_alias="displayed")


class Chosen(BaseModel):
    chosen: int = Field(0, validation_alias=AliasChoices("a", "b"))


class Computed(BaseModel, extra="forbid"):
    side: int

    @computed_field  # type: ignore[prop-decorator]
    @property
    def area(self) -> int:
        return self.side**2


class Strict(BaseModel, strict=True):
    day: date


class Open(BaseModel):
    extra: Any = None
    more: dict[str, Any] = {}


class Login(BaseModel):
    name: str
    password: SecretStr
    since: date = date(2026, 1, 2)


BOB = Login(name="bob", password=SecretStr("x"))


class Tree(BaseModel):
    pin: SecretStr | None = None
    branches: list["Tree"] = []


@dataclass
class Point:
    x: int
    y: Decimal


class Row(TypedDict, total=False):
    sku: str
    price: Decimal


class Pair(NamedTuple):
    left: int
    right: date


class Money:
    """A class that pydantic knows by its own word, and that has no __eq__."""

    def __init__(self, cents: int) -> None:
        self.cents = cents

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(
            lambda value: value if isinstance(value, cls) else cls(value),
            core_schema.any_schema(),
            serialization=core_schema.plain_serializer_function_ser_schema(lambda money: money.cents),
        )


def task_of(hint: Any) -> AnyTask:
    def run(value: Any) -> None: ...

    run.__annotations__ = {"value": hint}
    register: Any = current_app.task(name="test.run", lazy=False)
    task = register(run)
    found: AnyTask = current_app.tasks.pop(task.name)
    return found


def sent(hint: Any, value: Any) -> Any:
    _, kwargs = as_json(task_of(hint), [], {"value": value})
    return kwargs["value"]


def refused(hint: Any, value: Any) -> str:
    with pytest.raises(ArgumentError) as caught:
        sent(hint, value)
    return caught.value.problems["value"]


@pytest.mark.parametrize(
    ("hint", "value", "plain"),
    [
        (Decimal, Decimal("1.10"), "1.10"),
        (UUID, UUID(int=1), "00000000-0000-0000-0000-000000000001"),
        (date, date(2026, 1, 2), "2026-01-02"),
        (datetime, datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC), "2026-01-02T03:04:05.000006Z"),
        (time, time(1, 2), "01:02:00"),
        (timedelta, timedelta(seconds=1.5), "PT1.5S"),
        (bytes, b"text", "text"),
        (set[int], {1}, [1]),
        (frozenset[str], frozenset(["a"]), ["a"]),
        (tuple[int, date], (1, date(2026, 1, 2)), [1, "2026-01-02"]),
        (tuple[int, ...], (1, 2), [1, 2]),
        (tuple, (1, 2), [1, 2]),
        (dict[int, str], {1: "a"}, {"1": "a"}),
        (dict[UUID, int], {UUID(int=1): 1}, {"00000000-0000-0000-0000-000000000001": 1}),
        (Sequence[str], ["a", "b"], ["a", "b"]),
        (Mapping[str, int], {"a": 1}, {"a": 1}),
        (Path, Path("/tmp"), "/tmp"),
        (Colour, Colour.RED, "r"),
        (Level, Level.LOW, 1),
        (Word, Word.YES, "yes"),
        (Literal[Colour.RED, "b"], "b", "b"),
        (JsonValue, {"a": [1]}, {"a": [1]}),
        (Json[list[int]], "[1, 2]", "[1,2]"),
        (Point, Point(1, Decimal(2)), {"x": 1, "y": "2"}),
        (list[Row], [{"sku": "a", "price": Decimal("1.5")}], [{"sku": "a", "price": "1.5"}]),
        (Pair, Pair(1, date(2026, 1, 2)), [1, "2026-01-02"]),
        (Named, Named(First=1, **{"second-one": 2}), {"First": 1, "second-one": 2}),
        (Shown, Shown(shown=3), {"shown": 3}),
        (Computed, Computed(side=2), {"side": 2}),
        (Open, Open(extra=[1], more={"a": None}), {"extra": [1], "more": {"a": None}}),
        (date | None, None, None),
        (Annotated[int, Field(ge=1)], 3, 3),
    ],
)
def test_the_worker_gets_the_value_that_was_given(hint: Any, value: Any, plain: Any) -> None:
    task = task_of(hint)
    args, kwargs = as_json(task, [value], {})
    assert (args, kwargs) == ([plain], {})
    ((received,), _) = as_python(task, args, kwargs)
    assert received == (json.loads(value) if hint == Json[list[int]] else value)


def test_a_class_without_equality_is_sent_by_its_own_word() -> None:
    assert sent(Money, Money(5)) == 5
    assert sent(list[Money], [Money(5), 6]) == [5, 6]


def test_what_can_be_read_once_is_sent_whole() -> None:
    assert sent(Iterable[int], iter([1, "2"])) == [1, 2]
    assert "valid integer" in refused(Iterable[int], ["one"])


@pytest.mark.parametrize(
    ("hint", "value", "said"),
    [
        (bytes, b"\xff", "can't be written as JSON"),
        (Decimal, Decimal("NaN"), "finite number"),
        (Open, {"extra": {1}}, "extra: a set would reach the task as a list; say its type in the hint"),
        (Open, {"more": {"at": date(2026, 1, 2)}}, "more.at: a date would reach the task as a str"),
        (Open, {"more": {"rows": [(1, Decimal(2))]}}, "more.rows.0: a tuple would reach the task as a list"),
        (Open, {"extra": {1: "a", "1": "b"}}, "extra.1: an int would reach the task as a str"),
        (Open, {"extra": float("nan")}, "extra: NaN is not JSON"),
        (Open, {"extra": "\0"}, "text with a NUL character"),
        (Open, {"extra": object()}, "can't be written as JSON: Unable to serialize unknown type"),
        (set[Any], {"a", Decimal(1)}, "0: a Decimal would reach the task as a str"),
        (Literal[Colour.RED, "b"], Colour.RED, "as JSON the task would refuse it: Input should be"),
        (Chosen, {"a": 3}, "it would reach the task changed"),
        (
            Strict,
            Strict(day=date(2026, 1, 2)),
            "day: as JSON the task would refuse it: Input should be a valid",
        ),
        (Annotated[str, AfterValidator(lambda text: text + "!")], "a", "it would reach the task changed"),
    ],
)
def test_what_the_worker_would_get_changed_is_refused(hint: Any, value: Any, said: str) -> None:
    assert said in refused(hint, value)


def test_a_hidden_input_is_not_repeated_in_the_error() -> None:
    assert "hunter2" not in refused(dict[str, SecretBytes | int], {"a": ["hunter2"]})


@pytest.mark.parametrize(
    ("hint", "value", "plain"),
    [
        (SecretStr, "hunter2", "hunter2"),
        (SecretStr, SecretStr("hunter2"), "hunter2"),
        (SecretStr | None, None, None),
        (SecretBytes, b"hunter2", "hunter2"),
        (Secret[int], 1234, 1234),
        (Secret[date], "2026-01-02", "2026-01-02"),
        (list[SecretStr], ["a", "b"], ["a", "b"]),
        (dict[str, SecretStr], {"a": "b"}, {"a": "b"}),
        (set[SecretStr], {"a"}, ["a"]),
        (Login, {"name": "bob", "password": "x"}, {"name": "bob", "password": "x", "since": "2026-01-02"}),
        (tuple[Login, ...], (BOB,), [{"name": "bob", "password": "x", "since": "2026-01-02"}]),
        (Tree, {"branches": [{"pin": "1234"}]}, {"pin": None, "branches": [{"pin": "1234", "branches": []}]}),
    ],
)  # fmt: skip
def test_a_secret_is_sent_in_the_clear_wherever_it_is(hint: Any, value: Any, plain: Any) -> None:
    task = task_of(hint)
    args, kwargs = as_json(task, [value], {})
    assert args == [plain]
    again, _ = as_python(task, args, kwargs)
    assert as_json(task, again, {})[0] == args


def test_a_hint_for_checkers_only_leaves_the_value_as_it_is() -> None:
    def run(value: "Missing") -> None: ...  # type: ignore[name-defined] # noqa: F821

    register: Callable[..., Any] = current_app.task(name="test.run", lazy=False)
    task = register(run)
    current_app.tasks.pop(task.name)
    assert as_json(task, [(1,)], {}) == ([[1]], {})
