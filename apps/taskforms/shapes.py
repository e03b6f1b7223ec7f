"""What an argument looks like to the person who fills it in, read from the JSON Schema of its type."""

import enum
import typing
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from django.utils.translation import gettext as _
from pydantic.errors import PydanticUserError

from apps.jobs.arguments import Parameter


class Kind(StrEnum):
    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    DECIMAL = "decimal"
    SWITCH = "switch"
    DATE = "date"
    DATETIME = "date-time"
    TIME = "time"
    CHOICE = "choice"
    CHOICES = "choices"
    LINES = "lines"
    JSON = "json"
    FREE = "free"  # JSON, or plain text where it isn't


@dataclass(frozen=True)
class Shape:
    """`schema` is the JSON Schema of the type, without its "or null", which is `nullable`."""

    kind: Kind
    schema: dict[str, Any] = field(default_factory=dict)
    nullable: bool = False
    choices: tuple[tuple[Any, str], ...] = ()


SCALARS = {"string": Kind.TEXT, "integer": Kind.INTEGER, "number": Kind.NUMBER, "boolean": Kind.SWITCH}
FORMATS = {"date": Kind.DATE, "date-time": Kind.DATETIME, "time": Kind.TIME}
ONE_LINE = {Kind.TEXT, Kind.INTEGER, Kind.NUMBER, Kind.DECIMAL, Kind.DATE, Kind.DATETIME, Kind.TIME}


def shape_of(parameter: Parameter) -> Shape:
    """A type that pydantic can't describe is JSON, no type at all is free."""
    if parameter.adapter is None:
        return Shape(Kind.FREE)
    try:
        schema = parameter.adapter.json_schema()
    except PydanticUserError:
        return Shape(Kind.JSON)
    schema, nullable = without_null(resolved(schema, schema.get("$defs", {})))
    if schema.get("type") == "boolean" and nullable:
        return Shape(Kind.CHOICE, schema, nullable, choices=((True, _("yes")), (False, _("no"))))
    kind = kind_of(schema)
    choices = choices_of(schema.get("items", {}) if kind is Kind.CHOICES else schema, parameter)
    return Shape(kind, schema, nullable, choices)


def resolved(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema with references replaced by what they name, but for those inside themselves."""
    if isinstance(schema, list):
        return [resolved(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    name = str(schema.get("$ref", "")).rpartition("/")[2]
    if name:
        others = {key: value for key, value in definitions.items() if key != name}
        named = resolved(definitions[name], others) if name in definitions else {"type": "object"}
        schema = {**named, **{key: value for key, value in schema.items() if key != "$ref"}}
    return {key: resolved(value, definitions) for key, value in schema.items() if key != "$defs"}


def without_null(schema: dict[str, Any]) -> tuple[dict[str, Any], bool]:
    """`X | None` is X and True."""
    branches = schema.get("anyOf", [])
    rest = [branch for branch in branches if branch.get("type") != "null"]
    if len(rest) == len(branches):
        return schema, schema.get("type") == "null" or None in schema.get("enum", [])
    outer = {key: value for key, value in schema.items() if key != "anyOf"}
    return ({**rest[0], **outer} if len(rest) == 1 else {**outer, "anyOf": rest}), True


def kind_of(schema: dict[str, Any]) -> Kind:
    if "enum" in schema or "const" in schema:
        return Kind.CHOICE
    if "anyOf" in schema:
        types = {branch.get("type") for branch in schema["anyOf"]}
        return Kind.DECIMAL if types == {"number", "string"} else Kind.FREE
    if schema.get("type") == "array":
        return kind_of_list(schema)
    if schema.get("type") == "string":
        return FORMATS.get(str(schema.get("format")), Kind.TEXT)
    return SCALARS.get(str(schema.get("type")), Kind.JSON if "type" in schema else Kind.FREE)


def kind_of_list(schema: dict[str, Any]) -> Kind:
    """Lines where one line can hold an item."""
    item = kind_of(schema.get("items") or {})
    return Kind.CHOICES if item is Kind.CHOICE else Kind.LINES if item in ONE_LINE else Kind.JSON


def choices_of(schema: dict[str, Any], parameter: Parameter) -> tuple[tuple[Any, str], ...]:
    """Value and label; the members of an enum are shown by their label or name."""
    values = schema.get("enum", [schema["const"]] if "const" in schema else [])
    labels = labels_of(parameter.annotation)
    return tuple((value, labels.get(repr(value), str(value))) for value in values if value is not None)


def labels_of(annotation: Any) -> dict[str, str]:
    """The labels of every enum in a type, by the repr of the value: a value may be unhashable."""
    if isinstance(annotation, enum.EnumMeta):
        members: list[enum.Enum] = list(annotation)
        return {repr(member.value): label_of(member) for member in members}
    found: dict[str, str] = {}
    for inner in typing.get_args(annotation):
        found |= labels_of(inner)
    return found


def label_of(member: enum.Enum) -> str:
    return str(getattr(member, "label", member.name.replace("_", " ").capitalize()))
