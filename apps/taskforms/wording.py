"""The rules of a JSON Schema in words, as help beside a field."""

import json
from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.taskforms.shapes import Kind, Shape

WORTH_SHOWING = 80  # characters of a default value
EMPTY_HAS_MEANING = {Kind.TEXT, Kind.LINES, Kind.CHOICES, Kind.CHOICE}
RULES = {
    "minimum": gettext_lazy("at least %s"),
    "maximum": gettext_lazy("at most %s"),
    "exclusiveMinimum": gettext_lazy("more than %s"),
    "exclusiveMaximum": gettext_lazy("less than %s"),
    "multipleOf": gettext_lazy("a multiple of %s"),
    "minLength": gettext_lazy("at least %s characters"),
    "maxLength": gettext_lazy("at most %s characters"),
    "minItems": gettext_lazy("at least %s items"),
    "maxItems": gettext_lazy("at most %s items"),
    "pattern": gettext_lazy("matching %s"),
}
SAID_BY_REQUIRED = {("minLength", 1), ("minItems", 1)}
FORMATS = {
    "duration": gettext_lazy("Hours, minutes and seconds, such as 01:30:00."),
    "uuid": gettext_lazy("A UUID, such as 7d444840-9dc0-11d1-b245-5ffdce74fad2."),
    "uri": gettext_lazy("A whole URL, such as https://example.com/."),
}
WAYS = {
    Kind.LINES: gettext_lazy("One per line."),
    Kind.FREE: gettext_lazy("Text, or JSON such as 5, true or [1, 2]."),
    Kind.JSON: gettext_lazy("JSON."),
}


def lost_secrets(names: Iterable[str]) -> str:
    sentence = _("What was secret is not known any more (%(names)s): type it in, then run it again.")
    return sentence % {"names": ", ".join(names)}


def rules_in_words(shape: Shape) -> list[str]:
    """How to type it in, then its limits, then an example."""
    schema = shape.schema
    way = parts_of(schema) if shape.kind is Kind.JSON else FORMATS.get(str(schema.get("format")), "")
    example = _("For example %s.") % schema["examples"][0] if schema.get("examples") else ""
    said = [str(way or WAYS.get(shape.kind, "")), limits(schema), example]
    return [sentence for sentence in said if sentence]


def default_in_words(shape: Shape, default: Any) -> str:
    """What holds when the field is left alone or emptied."""
    text = default if isinstance(default, str) else json.dumps(default, ensure_ascii=False)
    if shape.kind is Kind.SWITCH:
        return _("Default: yes.") if default else _("Default: no.")
    if default in (None, "", [], {}) or len(text) > WORTH_SHOWING:
        return _("Optional.")
    if shape.nullable:
        return _("Default: %s. Empty means none.") % text
    return (_("Default: %s.") if shape.kind in EMPTY_HAS_MEANING else _("Left empty: %s.")) % text


def limits(schema: dict[str, Any]) -> str:
    rules = RULES if "prefixItems" not in schema else {}  # a tuple's parts are not counted
    said = ", ".join(
        str(words) % schema[rule]
        for rule, words in rules.items()
        if rule in schema and (rule, schema[rule]) not in SAID_BY_REQUIRED
    )
    return f"{said[0].upper()}{said[1:]}." if said else ""


def parts_of(schema: dict[str, Any]) -> str:
    """`A JSON object with name (string), size (integer, optional).`"""
    inside = schema.get("items") or {}
    if inside.get("properties"):
        return _("A JSON list of objects with %s.") % named_parts(inside)
    if schema.get("properties"):
        return _("A JSON object with %s.") % named_parts(schema)
    kinds = {"object": _("A JSON object."), "array": _("A JSON list.")}
    return kinds.get(str(schema.get("type")), "")


def named_parts(schema: dict[str, Any]) -> str:
    needed = schema.get("required", [])
    return ", ".join(
        f"{name} ({type_of(part)}{'' if name in needed else ', ' + _('optional')})"
        for name, part in schema["properties"].items()
    )


def type_of(schema: dict[str, Any]) -> str:
    branches = schema.get("anyOf", [schema])
    return _(" or ").join(str(branch["type"]) for branch in branches if "type" in branch) or _("any")
