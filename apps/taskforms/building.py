"""The form field for each kind of argument."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.forms.widgets import DateTimeBaseInput

from apps.taskforms import fields
from apps.taskforms.shapes import Kind, Shape

# Text that needs room, known by its name or by what it holds already.
LONG_TEXT = {"body", "content", "description", "html", "message", "note", "notes", "query", "text"}
LONG_CHARACTERS = 120
INPUTS = {"email": forms.EmailInput, "uri": forms.URLInput, "password": forms.PasswordInput}
Schema = dict[str, Any]


def build(shape: Shape, name: str, *, required: bool, blank: str | None) -> forms.Field:
    """`blank` is the text of the choice of none, None where something must be chosen."""
    required = required and not shape.nullable and shape.kind is not Kind.SWITCH
    if shape.kind is Kind.CHOICE:
        return fields.ValueField(values=shape.choices, blank=blank, required=required)
    if shape.kind is Kind.CHOICES:
        return fields.ValuesField(values=shape.choices, required=required)
    field = BUILDERS[shape.kind](shape.schema, required)
    if shape.kind is Kind.TEXT and name in LONG_TEXT:
        make_room(field, "\n")
    return field


def make_room(field: forms.Field, text: Any) -> None:
    """One line turns into several where the text has them: a browser would drop the line ends."""
    long = isinstance(text, str) and ("\n" in text or len(text) > LONG_CHARACTERS)
    if long and type(field.widget) is forms.TextInput:
        field.widget = forms.Textarea(attrs={**field.widget.attrs, "rows": 5})
        field.widget.is_required = field.required


def build_text(schema: Schema, required: bool) -> forms.Field:
    return fields.TextField(
        widget=INPUTS.get(str(schema.get("format")), forms.TextInput),
        min_length=schema.get("minLength"),
        max_length=schema.get("maxLength"),
        required=required,
    )


def build_integer(schema: Schema, required: bool) -> forms.Field:
    over, under = schema.get("exclusiveMinimum"), schema.get("exclusiveMaximum")
    low = schema.get("minimum", None if over is None else over + 1)
    high = schema.get("maximum", None if under is None else under - 1)
    return forms.IntegerField(min_value=low, max_value=high, widget=number(), required=required)


def build_number(schema: Schema, required: bool) -> forms.Field:
    low, high = schema.get("minimum"), schema.get("maximum")
    return forms.FloatField(min_value=low, max_value=high, widget=number(), required=required)


def build_date(schema: Schema, required: bool) -> forms.Field:
    widget = picker(forms.DateInput, "date", "%Y-%m-%d")
    return forms.DateField(widget=widget, input_formats=["%Y-%m-%d"], required=required)


def build_datetime(schema: Schema, required: bool) -> forms.Field:
    widget = picker(forms.DateTimeInput, "datetime-local", "%Y-%m-%dT%H:%M:%S")
    return forms.DateTimeField(widget=widget, required=required)


def build_time(schema: Schema, required: bool) -> forms.Field:
    return forms.TimeField(widget=picker(forms.TimeInput, "time", "%H:%M:%S"), required=required)


def build_json(schema: Schema, required: bool) -> forms.Field:
    expected = {"array": list, "object": dict}.get(str(schema.get("type")))
    widget = forms.Textarea({"class": "json", "rows": 6, "spellcheck": "false"})
    return fields.JsonField(expected=expected, widget=widget, required=required)


BUILDERS: dict[Kind, Callable[[Schema, bool], forms.Field]] = {
    Kind.TEXT: build_text,
    Kind.INTEGER: build_integer,
    Kind.NUMBER: build_number,
    Kind.DECIMAL: lambda _, required: forms.DecimalField(widget=number(), required=required),
    Kind.SWITCH: lambda _, required: forms.BooleanField(required=required),
    Kind.DATE: build_date,
    Kind.DATETIME: build_datetime,
    Kind.TIME: build_time,
    Kind.LINES: lambda _, required: fields.LinesField(required=required),
    Kind.JSON: build_json,
    Kind.FREE: lambda _, required: fields.FreeField(widget=forms.TextInput(), required=required),
}


def number() -> forms.Widget:
    return forms.NumberInput({"class": "short"})


def picker(widget: type[DateTimeBaseInput], kind: str, form: str) -> forms.Widget:
    """The browser's own, which speaks ISO."""
    step = {"step": "1"} if "%S" in form else {}
    return widget({"type": kind, "class": "short", **step}, format=form)
