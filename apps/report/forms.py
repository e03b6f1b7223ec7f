"""The form of a report, made from its parameters."""

import inspect
from datetime import date
from types import UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.jobs.arguments import Parameter
from apps.jobs.errors import ArgumentError
from apps.report.contract import ReportDefinition
from apps.report.formats import FORMATS
from apps.report.generating import Wish
from apps.report.parameters import choices_of, parameters, parts


class ReportForm(forms.Form):
    """`wish` is what the form asks for, once it is valid. An empty field takes its default."""

    def __init__(self, definition: ReportDefinition, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.definition = definition
        for name, parameter in parameters(definition).items():
            self.fields[name] = field_of(parameter)
        self.fields["format"] = forms.ChoiceField(
            label=_("Format"), choices=[(found.name, found.title) for found in FORMATS.values()]
        )

    @property
    def wish(self) -> Wish:
        given = {name: value for name, value in self.cleaned_data.items() if value not in (None, "")}
        return Wish(self.definition.name, given.pop("format", "html"), given)

    def clean(self) -> dict[str, Any]:
        if not self.errors:
            try:
                self.wish.checked()
            except ArgumentError as error:
                for name, problem in error.problems.items():
                    self.add_error(name if name in self.fields else None, problem)
        return self.cleaned_data


def field_of(parameter: Parameter) -> forms.Field:
    default = None if parameter.default is inspect.Parameter.empty else parameter.default
    common = {
        "label": parameter.name.replace("_", " ").capitalize(),
        "help_text": description(parameter.annotation),
        "initial": default,
        "required": parameter.required,
    }
    offered = choices_of(parameter.annotation)
    if offered is not None:
        return choice_field(offered, default, common)
    kind = plain_type(parameter.annotation)
    if kind is date:
        return forms.DateField(
            widget=forms.DateInput({"type": "date", "class": "short"}, "%Y-%m-%d"), **common
        )
    if kind is bool:
        return forms.BooleanField(**{**common, "required": False})
    if kind in {int, float}:
        number = forms.IntegerField if kind is int else forms.FloatField
        return number(widget=forms.NumberInput({"class": "short"}), **common)
    return forms.CharField(**common)


def choice_field(offered: list[Any], default: Any, common: dict[str, Any]) -> forms.Field:
    """A select that gives back the very values, numbers as numbers."""
    by_text = {str(value): value for value in offered}
    choices: list[tuple[str, Any]] = [(text, text) for text in by_text]
    if default not in offered:
        choices.insert(0, ("", "—" if common["required"] else _("All")))
    return forms.TypedChoiceField(
        choices=choices, coerce=lambda text: by_text[text], empty_value=None, **common
    )


def plain_type(annotation: Any) -> Any:
    """`date` of `Annotated[date | None, …]`; of a union of several, the first."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return plain_type(get_args(annotation)[0])
    if origin in {Union, UnionType}:
        return next(plain_type(part) for part in get_args(annotation) if part is not type(None))
    return annotation


def description(annotation: Any) -> Any:
    """The description that a pydantic Field in the annotation gives."""
    found = (getattr(part, "description", None) for part in parts(annotation))
    return next((text for text in found if text), "")
