"""Which field an argument gets, by its type."""

import enum
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal, NewType
from uuid import UUID

import pytest
from django import forms
from pydantic import BaseModel, Field, SecretStr, StringConstraints

from apps.console.tests.cast import Colour, Level, Size
from apps.jobs.arguments import Parameter, adapter
from apps.taskforms.arguments import argument_of
from apps.taskforms.fields import FreeField, JsonField, LinesField, ValueField, ValuesField
from apps.taskforms.shapes import Kind, shape_of

REQUIRED: Any = inspect.Parameter.empty


class Tree(BaseModel):
    name: str
    branches: "list[Tree]" = []


@dataclass
class Point:
    x: int


class Opaque:
    """Nothing that pydantic knows."""


def parameter(hint: Any, default: Any = REQUIRED, name: str = "x") -> Parameter:
    return Parameter(name, hint, default, adapter(hint))


@pytest.mark.parametrize(
    ("hint", "kind", "nullable"),
    [
        (str, Kind.TEXT, False),
        (int, Kind.INTEGER, False),
        (float, Kind.NUMBER, False),
        (bool, Kind.SWITCH, False),
        (bool | None, Kind.CHOICE, True),
        (int | None, Kind.INTEGER, True),
        (Decimal, Kind.DECIMAL, False),
        (date, Kind.DATE, False),
        (datetime | None, Kind.DATETIME, True),
        (time, Kind.TIME, False),
        (timedelta, Kind.TEXT, False),
        (UUID, Kind.TEXT, False),
        (Literal["a", "b"], Kind.CHOICE, False),
        (Literal["a"], Kind.CHOICE, False),
        (Literal["a", None], Kind.CHOICE, True),
        (Colour, Kind.CHOICE, False),
        (Level | None, Kind.CHOICE, True),
        (list[str], Kind.LINES, False),
        (set[int], Kind.LINES, False),
        (tuple[float, ...], Kind.LINES, False),
        (list[str] | None, Kind.LINES, True),
        (list[Colour], Kind.CHOICES, False),
        (list[Literal[1, 2]], Kind.CHOICES, False),
        (tuple[int, str], Kind.JSON, False),
        (list, Kind.JSON, False),
        (list[dict[str, int]], Kind.JSON, False),
        (dict[str, int], Kind.JSON, False),
        (Size, Kind.JSON, False),
        (Size | None, Kind.JSON, True),
        (Tree, Kind.JSON, False),
        (Point, Kind.JSON, False),
        (Callable[[int], int], Kind.JSON, False),
        (Opaque, Kind.FREE, False),
        (None, Kind.FREE, False),
        (Any, Kind.FREE, False),
        (object, Kind.FREE, False),
        (int | str, Kind.FREE, False),
        (Annotated[str, Field(min_length=1)], Kind.TEXT, False),
        (Annotated[int | None, Field(ge=1)], Kind.INTEGER, True),
        (NewType("UserId", int), Kind.INTEGER, False),
    ],
)
def test_the_type_decides_how_it_is_typed_in(hint: Any, kind: Kind, nullable: bool) -> None:
    shape = shape_of(parameter(hint))
    assert (shape.kind, shape.nullable) == (kind, nullable)


@pytest.mark.parametrize(
    ("hint", "field", "html"),
    [
        (int, forms.IntegerField, 'type="number"'),
        (float, forms.FloatField, 'step="any"'),
        (Decimal, forms.DecimalField, 'type="number"'),
        (bool, forms.BooleanField, 'type="checkbox"'),
        (date, forms.DateField, 'type="date"'),
        (datetime, forms.DateTimeField, 'type="datetime-local"'),
        (time, forms.TimeField, 'type="time"'),
        (SecretStr, forms.CharField, 'type="password"'),
        (Literal["a", "b"], ValueField, '<option value="a">a</option>'),
        (Colour, ValueField, '<option value="b">Deep blue</option>'),
        (Level, ValueField, '<option value="2">High</option>'),
        (list[Colour], ValuesField, 'type="checkbox"'),
        (list[str], LinesField, "<textarea"),
        (Size, JsonField, 'class="json"'),
        (None, FreeField, 'type="text"'),
        (Annotated[int, Field(ge=1, lt=9)], forms.IntegerField, 'min="1" max="8"'),
        (Annotated[int, Field(gt=0)], forms.IntegerField, 'min="1"'),
        (Annotated[float, Field(le=2.5)], forms.FloatField, 'max="2.5"'),
        (Annotated[str, Field(max_length=5)], forms.CharField, 'maxlength="5"'),
        (Annotated[str, StringConstraints(min_length=3)], forms.CharField, 'minlength="3"'),
    ],
)
def test_the_browser_helps_with_it(hint: Any, field: type[forms.Field], html: str) -> None:
    found = argument_of(parameter(hint)).field
    assert isinstance(found, field)
    assert html in str(BoundForm(found)["x"])


class BoundForm(forms.Form):
    def __init__(self, field: forms.Field) -> None:
        super().__init__()
        self.fields["x"] = field


@pytest.mark.parametrize(
    ("hint", "help_text"),
    [
        (Annotated[int, Field(ge=1, le=9)], "At least 1, at most 9."),
        (Annotated[float, Field(gt=0, lt=1)], "More than 0, less than 1."),
        (Annotated[int, Field(multiple_of=5)], "A multiple of 5."),
        (Annotated[str, Field(min_length=1)], ""),
        (Annotated[str, Field(min_length=2, max_length=9)], "At least 2 characters, at most 9 characters."),
        (Annotated[str, Field(pattern="^[a-z]+$")], "Matching ^[a-z]+$."),
        (Annotated[str, Field(description="The wall", examples=["north"])], "The wall For example north."),
        (Annotated[list[str], Field(max_length=3)], "One per line. At most 3 items."),
        (timedelta, "Hours, minutes and seconds, such as 01:30:00."),
        (Size, "A JSON object with width (integer), height (integer, optional)."),
        (list[Size], "A JSON list of objects with width (integer), height (integer, optional)."),
        (dict[str, int], "A JSON object."),
        (tuple[int, str], "A JSON list."),
        (Any, "Text, or JSON such as 5, true or [1, 2]."),
    ],
)
def test_the_rules_are_said_in_words(hint: Any, help_text: str) -> None:
    assert argument_of(parameter(hint)).field.help_text == help_text


@pytest.mark.parametrize(
    ("hint", "default", "initial", "ending"),
    [
        (str, "abc", "abc", "Default: abc."),
        (str, "", "", "Optional."),
        (int, 5, 5, "Left empty: 5."),
        (int | None, 5, 5, "Default: 5. Empty means none."),
        (int | None, None, None, "Optional."),
        (int, None, None, "Optional."),
        (bool, True, True, "Default: yes."),
        (bool, False, False, "Default: no."),
        (date, date(2026, 1, 2), date(2026, 1, 2), "Left empty: 2026-01-02."),
        (Colour, Colour.DEEP_BLUE, "b", "Default: b."),
        (Level | None, None, None, "Optional."),
        (list[str], ["a", "b"], "a\nb", '["a", "b"].'),
        (list[Colour], [Colour.RED], ["r"], '["r"].'),
        (dict[str, int], {}, "{}", "Optional."),
        (Size, Size(width=2), '{\n  "width": 2,\n  "height": 1\n}', '{"width": 2, "height": 1}.'),
        (None, "abc", "abc", "Left empty: abc."),
        (None, "5", '"5"', "Left empty: 5."),
        (None, 5, "5", "Left empty: 5."),
        (None, [], "[]", "Optional."),
        (None, object(), None, "Left empty, the task uses its own default."),
        (Callable, print, None, "Left empty, the task uses its own default."),
        (str, "x" * 100, "x" * 100, "Optional."),
    ],
)
def test_a_default_is_filled_in_and_named(hint: Any, default: Any, initial: Any, ending: str) -> None:
    field = argument_of(parameter(hint, default)).field
    assert field.initial == initial
    assert str(field.help_text).endswith(ending)
    assert not field.required


def test_an_argument_without_a_default_is_required_unless_it_may_be_none() -> None:
    assert argument_of(parameter(int)).field.required
    assert not argument_of(parameter(int | None)).field.required
    assert not argument_of(parameter(bool)).field.required


def test_text_that_needs_room_gets_several_lines() -> None:
    assert isinstance(argument_of(parameter(str, name="content")).field.widget, forms.Textarea)
    assert isinstance(argument_of(parameter(str, "a\nb")).field.widget, forms.Textarea)
    assert isinstance(argument_of(parameter(str, name="subject")).field.widget, forms.TextInput)


def test_choices_with_the_same_text_are_kept_apart() -> None:
    field = argument_of(parameter(Literal[1, "1"])).field
    assert isinstance(field, ValueField)
    assert (field.clean("1"), field.clean("'1'")) == (1, "1")


def test_an_enum_with_values_that_cant_be_hashed_is_a_choice_too() -> None:
    class Route(enum.Enum):
        SHORT = (1, 2)

    field = argument_of(parameter(Route)).field
    assert isinstance(field, ValueField | JsonField)
