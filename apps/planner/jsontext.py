"""JSON in a text field, as the columns of django-celery-beat have it."""

import json
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from unfold.widgets import UnfoldAdminTextareaWidget


class JsonText(forms.CharField):
    """Text that must be JSON of one type, kept as text because beat's column is."""

    widget = UnfoldAdminTextareaWidget(attrs={"class": "switchyard-json max-w-2xl", "rows": 4})

    def __init__(self, kind: type[list[Any] | dict[str, Any]], **options: Any) -> None:
        super().__init__(required=False, strip=True, **options)
        self.kind = kind

    def clean(self, value: Any) -> str:
        text = super().clean(value) or json.dumps(self.kind())
        try:
            found = json.loads(text)
        except ValueError as error:
            raise forms.ValidationError(_("Expected JSON: %s") % error) from None
        if not isinstance(found, self.kind):
            example = '["a", 1]' if self.kind is list else '{"name": "value"}'
            raise forms.ValidationError(_("Expected JSON such as %s.") % example)
        return json.dumps(found, ensure_ascii=False)

    def prepare_value(self, value: Any) -> Any:
        """Readable JSON in the form; what isn't JSON is shown as it is."""
        found = self.plain(value)
        if isinstance(found, str):
            return value
        return json.dumps(found, indent=2 if found else None, ensure_ascii=False)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Another layout of the same JSON is no change."""
        return bool(self.plain(initial) != self.plain(data))

    def plain(self, text: Any) -> Any:
        try:
            return json.loads(text) if text else self.kind()
        except (TypeError, ValueError):
            return text
