"""One argument of the form: its field, what it shows at first, and what was given."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from pydantic import ValidationError as PydanticError
from pydantic_core import PydanticSerializationError

from apps.jobs.arguments import Parameter, converted, sentence
from apps.taskforms import fields
from apps.taskforms.building import build, make_room
from apps.taskforms.shapes import Kind, Shape, shape_of
from apps.taskforms.wording import default_in_words, rules_in_words

TRUE_WORDS = {"1", "true", "yes", "on"}
UNKNOWN = object()  # a default that has no JSON form


@dataclass(frozen=True)
class Argument:
    parameter: Parameter
    shape: Shape
    field: forms.Field

    @property
    def name(self) -> str:
        return self.parameter.name

    def show(self, value: Any) -> None:
        """Fills the field with a JSON value."""
        self.field.initial = shown(self.shape, self.field, value)
        make_room(self.field, self.field.initial)

    def show_text(self, texts: list[str]) -> None:
        """Fills the field with what a link asks for: the values of one query parameter."""
        kinds: dict[Kind, Any] = {
            Kind.SWITCH: texts[-1].lower() in TRUE_WORDS,
            Kind.CHOICES: texts,
            Kind.LINES: "\n".join(texts),
        }
        self.field.initial = kinds.get(self.shape.kind, texts[-1])
        make_room(self.field, self.field.initial)

    def is_given(self, cleaned: Any, raw: Any) -> bool:
        """A field that is as the task's default shows it is not given: the task's own default holds.

        Neither is an emptied one, unless empty means something: no text, no items, None.
        """
        default = default_of(self.parameter)
        if self.parameter.required:
            return True
        if not self.field.has_changed(shown(self.shape, self.field, default), raw):
            return False
        return cleaned is not None or (self.shape.nullable and default is not None)

    def value(self, cleaned: Any) -> Any:
        return None if self.shape.nullable and cleaned in ("", []) else cleaned

    def problems(self, value: Any) -> dict[str, str]:
        """What `submit` would say of the value, so that all fields can say it at once."""
        try:
            converted(self.parameter, value, json=True)
        except PydanticError as error:
            return {self.name: sentence(error)}
        return {}


def argument_of(parameter: Parameter, help_text: str = "") -> Argument:
    shape, default = shape_of(parameter), default_of(parameter)
    field = build(shape, parameter.name, required=parameter.required, blank=blank_choice(shape, parameter))
    field.label = parameter.name.lstrip("*").replace("_", " ").strip().capitalize() or parameter.name
    said = help_text or shape.schema.get("description", "")
    ending = "" if parameter.required else default_help(shape, default)
    field.help_text = " ".join(filter(None, [said, *rules_in_words(shape), ending]))
    found = Argument(parameter, shape, field)
    if not parameter.required:
        found.show(default)
    return found


def blank_choice(shape: Shape, parameter: Parameter) -> str | None:
    """The choice of none, where that is possible or nothing is chosen yet."""
    if parameter.required and not shape.nullable:
        return _("Choose…")
    return "—" if shape.nullable or default_of(parameter) in (None, UNKNOWN) else None


def default_of(parameter: Parameter) -> Any:
    """The default as plain JSON, UNKNOWN where it has no such form, None where there is none."""
    if parameter.required or parameter.default is None:
        return None
    try:
        if parameter.adapter is not None:
            return parameter.adapter.dump_python(parameter.default, mode="json", warnings=False)
        return json.loads(json.dumps(parameter.default))
    except (PydanticSerializationError, TypeError, ValueError):
        return UNKNOWN


def default_help(shape: Shape, default: Any) -> str:
    if default is UNKNOWN:
        return _("Left empty, the task uses its own default.")
    return default_in_words(shape, default)


def shown(shape: Shape, field: forms.Field, value: Any) -> Any:
    """A JSON value as the initial value of its field; None for nothing."""
    if value is None or value is UNKNOWN:
        return None
    if isinstance(field, fields.ValueField | fields.ValuesField):
        return field.key(value)
    if shape.kind in TEXTS:
        return TEXTS[shape.kind](value)
    try:
        return field.to_python(value)
    except ValidationError:
        return value


def plain_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def free_text(value: Any) -> str:
    """Plain where it reads back as the same text, else JSON."""
    try:
        is_plain = fields.FreeField(required=False).to_python(value) == value
    except ValidationError:
        is_plain = False
    return value if isinstance(value, str) and is_plain else json.dumps(value, ensure_ascii=False)


TEXTS: dict[Kind, Callable[[Any], str]] = {
    Kind.TEXT: plain_text,
    Kind.LINES: lambda value: "\n".join(map(str, value)) if isinstance(value, list) else plain_text(value),
    Kind.JSON: lambda value: json.dumps(value, indent=2, ensure_ascii=False),
    Kind.FREE: free_text,
}
