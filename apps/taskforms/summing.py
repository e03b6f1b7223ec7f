"""What a task takes, as a list for people: its arguments with their types and defaults."""

import json
from typing import Any

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from pydantic.errors import PydanticInvalidForJsonSchema

from apps.jobs.arguments import AnyTask, Parameter, parameters
from apps.jobs.catalog import description


def summary(task: AnyTask) -> SafeString:
    """Its description, and a line for each argument."""
    rows = (
        (name, type_words(parameter), _("required") if parameter.required else default(parameter))
        for name, parameter in parameters(task).items()
    )
    items = format_html_join("", "<li><code>{}</code> {} · {}</li>", rows)
    shape = '<div class="switchyard-text">{}</div><ul class="switchyard-list">{}</ul>'
    return format_html(shape, description(task), items)


def type_words(parameter: Parameter) -> str:
    """`string`, `integer | null`, or the values to choose from: as JSON calls them."""
    if parameter.adapter is None:
        return _("any value")
    try:
        schema = parameter.adapter.json_schema()
    except PydanticInvalidForJsonSchema:
        return _("any value")
    parts = schema.get("anyOf", [schema])
    return " | ".join(one_type(part) for part in parts)


def one_type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    return str(schema.get("type") or _("any value"))


def default(parameter: Parameter) -> str:
    return _("by default %s") % json.dumps(parameter.default, default=str, ensure_ascii=False)
