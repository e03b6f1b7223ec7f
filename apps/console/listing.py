"""The job list: its filters and its pages."""

from dataclasses import replace
from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.console.paging import Page, page_of
from apps.jobs import catalog, reading
from apps.jobs.states import State

PAGE_SIZE = 50


class JobFilter(forms.Form):
    """All optional. A value that makes no sense is complained about, and nothing is listed."""

    id = forms.CharField(
        label=gettext_lazy("Job id"),
        required=False,
        max_length=255,
        widget=forms.TextInput({"type": "search"}),
    )
    state = forms.ChoiceField(label=gettext_lazy("State"), required=False)
    task = forms.CharField(label=gettext_lazy("Task"), required=False, max_length=255, widget=forms.Select)
    schedule = forms.CharField(label=gettext_lazy("Schedule"), required=False, max_length=200)
    day = forms.DateField(
        label=gettext_lazy("Day"),
        required=False,
        input_formats=["%Y-%m-%d"],
        widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
    )

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        states = [(state.value, state.label.capitalize()) for state in State]
        self.fields["state"].choices = [("", _("Any")), *states]  # type: ignore[attr-defined]
        # A job may be of a task that is gone: its name is offered when it is asked for.
        names = {*catalog.tasks(), *filter(None, [data.get("task")])}
        titles = sorted((catalog.title(name), name) for name in names)
        choices = [("", _("Any")), *((name, title) for title, name in titles)]
        self.fields["task"].widget.choices = choices

    @property
    def is_set(self) -> bool:
        return any(self.data.get(name) for name in self.fields)

    def criteria(self) -> dict[str, Any]:
        """As filters of `reading.rows`."""
        asked = self.cleaned_data
        found = {
            "task_id__startswith": asked["id"].strip(),
            "status": asked["state"],
            "task_name": asked["task"],
            "periodic_task_name": asked["schedule"],
        }
        if asked["day"]:
            begin = timezone.make_aware(datetime.combine(asked["day"], time.min))
            end = timezone.make_aware(datetime.combine(asked["day"] + timedelta(days=1), time.min))
            found |= {"date_created__gte": begin, "date_created__lt": end}
        return {name: value for name, value in found.items() if value}


def load(filters: JobFilter, query: QueryDict) -> Page:
    """A page of JobViews."""
    if not filters.is_valid():
        return Page([])
    found = page_of(reading.rows(**filters.criteria()), query, PAGE_SIZE)
    return replace(found, rows=[reading.view(row) for row in found.rows])
