"""Form fields for the kinds of argument that Django has none for."""

import json
from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

LOOKS_LIKE_JSON = ("{", "[", '"')


class TextField(forms.CharField):
    """Text exactly as it was typed, whichever line ends the browser sends."""

    def __init__(self, **options: Any) -> None:
        super().__init__(strip=False, **options)

    def to_python(self, value: Any) -> str:
        return str(super().to_python(value) or "").replace("\r\n", "\n")


class LinesField(forms.CharField):
    """A list, one item per line; empty lines don't count."""

    widget = forms.Textarea

    def to_python(self, value: Any) -> Any:
        lines = (line.strip() for line in str(value or "").splitlines())
        return [line for line in lines if line]

    def has_changed(self, initial: Any, data: Any) -> bool:
        return bool(self.to_python(initial) != self.to_python(data))

    def run_validators(self, value: Any) -> None:
        for line in value:
            super().run_validators(line)


class JsonField(forms.CharField):
    """Any JSON value. `expected` narrows it down to a list or an object."""

    widget = forms.Textarea
    expectations: ClassVar[dict[Any, Any]] = {
        list: gettext_lazy("Expected a JSON list, such as [1, 2]."),
        dict: gettext_lazy('Expected a JSON object, such as {"name": "value"}.'),
    }

    def __init__(self, *, expected: type | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.expected = expected

    def to_python(self, value: Any) -> Any:
        text = str(super().to_python(value) or "").strip()
        found = self.parse(text) if text else None
        if self.expected and found is not None and not isinstance(found, self.expected):
            raise ValidationError(self.expectations[self.expected])
        return found

    def parse(self, text: str) -> Any:
        return parsed(text)

    def has_changed(self, initial: Any, data: Any) -> bool:
        try:
            return bool(self.to_python(initial) != self.to_python(data))
        except ValidationError:
            return True

    def validate(self, value: Any) -> None:
        if self.required and value is None:
            raise ValidationError(self.error_messages["required"], code="required")

    def run_validators(self, value: Any) -> None:
        """Those of text don't fit."""


class FreeField(JsonField):
    """JSON, or else plain text: for arguments without a type."""

    def parse(self, text: str) -> Any:
        if text.startswith(LOOKS_LIKE_JSON):
            return parsed(text)
        try:
            return parsed(text)
        except ValidationError:
            return text


class ValueField(forms.ChoiceField):
    """One of some JSON values. The form carries their text, `clean` returns the value."""

    def __init__(self, *, values: Sequence[tuple[Any, str]], blank: str | None, **options: Any) -> None:
        self.values = keyed(values)
        empty = [] if blank is None else [("", blank)]
        choices = [*empty, *((key, label) for key, (_value, label) in self.values.items())]
        super().__init__(choices=choices, **options)

    def clean(self, value: Any) -> Any:
        key = super().clean(value)
        return self.values[key][0] if key else None

    def key(self, value: Any) -> Any:
        return key_of(value, self.values)


class ValuesField(forms.MultipleChoiceField):
    """Several of some JSON values."""

    widget = forms.CheckboxSelectMultiple

    def __init__(self, *, values: Sequence[tuple[Any, str]], **options: Any) -> None:
        self.values = keyed(values)
        super().__init__(choices=[(key, label) for key, (_, label) in self.values.items()], **options)

    def clean(self, value: Any) -> Any:
        return [self.values[key][0] for key in super().clean(value)]

    def key(self, value: Any) -> Any:
        return [key_of(one, self.values) for one in value] if isinstance(value, list) else value


def parsed(text: str) -> Any:
    """Raises ValidationError with the place of the mistake."""
    try:
        return json.loads(text, parse_constant=refuse)
    except json.JSONDecodeError as error:
        place = _("line %(line)d, column %(column)d") % {"line": error.lineno, "column": error.colno}
        raise ValidationError(
            _("Not valid JSON at %(place)s: %(problem)s.") % {"place": place, "problem": error.msg}
        ) from error
    except (ValueError, RecursionError) as error:
        raise ValidationError(_("Not valid JSON: %(problem)s.") % {"problem": error}) from error


def refuse(name: str) -> Any:
    raise ValueError(_("%(name)s is no JSON number") % {"name": name})


def keyed(values: Sequence[tuple[Any, str]]) -> dict[str, tuple[Any, str]]:
    """By the text of the value; by its repr where two have the same text, such as 1 and "1"."""
    texts = [str(value) for value, _label in values]
    return {
        str(value) if texts.count(str(value)) == 1 else repr(value): (value, label) for value, label in values
    }


def key_of(value: Any, values: dict[str, tuple[Any, str]]) -> Any:
    for key, (known, _label) in values.items():
        if type(known) is type(value) and known == value:
            return key
    return value
