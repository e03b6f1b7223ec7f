"""Who changed what: the history of a schedule tells each field's old and new value."""

from collections.abc import Iterable
from typing import Any

from django.http import HttpRequest

from apps.schedules import differences, documents, reading
from apps.schedules.differences import Difference


class ChangeHistory:
    """Mixed into the admin of schedules. Compares rows, not forms: so it tells whatever was changed how."""

    def get_object(self: Any, request: HttpRequest, object_id: str, from_field: str | None = None) -> Any:
        """The form is going to change the row, so what it says is kept with it."""
        found = super().get_object(request, object_id, from_field)  # type: ignore[misc]
        if found is not None and request.method == "POST":
            found.document_before = documents.of(found)
        return found

    def construct_change_message(
        self: Any, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> Any:
        before = getattr(form.instance, "document_before", None)
        if add or before is None:
            return super().construct_change_message(request, form, formsets, add)  # type: ignore[misc]
        after = documents.of(reading.schedules().get(pk=form.instance.pk))
        return told(differences.between(before, after)) or []


def told(changes: Iterable[Difference]) -> str:
    """`Rule: every 5 minutes → every 10 minutes; Queue: data → –`."""
    return "; ".join(f"{one.label}: {one.change}" for one in changes)
