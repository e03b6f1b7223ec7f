"""The job list: its filters and its pages."""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.core.validators import MaxValueValidator, MinValueValidator
from django.http import QueryDict
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.console.families import family_title
from apps.console.paging import NEWER, OLDER, link, place
from apps.jobs import catalog
from apps.jobs.reading import searching
from apps.jobs.reading.counting import Count
from apps.jobs.reading.criteria import Criteria, Special
from apps.jobs.reading.searching import Page
from apps.jobs.states import State

PAGE_SIZE = 50
NEW_COUNTED = 99


class DayField(forms.DateField):
    """A day that times can be reckoned with."""

    def __init__(self, label: Any) -> None:
        super().__init__(
            label=label,
            required=False,
            input_formats=["%Y-%m-%d"],
            widget=forms.DateInput({"type": "date"}, format="%Y-%m-%d"),
            validators=[MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(2999, 12, 31))],
        )


class JobFilter(forms.Form):
    """All optional. A value that makes no sense is complained about, and nothing is listed."""

    text = forms.CharField(
        label=gettext_lazy("Job id or key"),
        required=False,
        max_length=255,
        widget=forms.TextInput({"type": "search"}),
    )
    state = forms.ChoiceField(label=gettext_lazy("State"), required=False)
    task = forms.CharField(label=gettext_lazy("Task"), required=False, max_length=255, widget=forms.Select)
    day = DayField(gettext_lazy("Day"))
    until = DayField(gettext_lazy("To day"))
    family = forms.CharField(
        label=gettext_lazy("Family"), required=False, max_length=100, widget=forms.Select
    )
    queue = forms.CharField(label=gettext_lazy("Queue"), required=False, max_length=255, widget=forms.Select)
    worker = forms.CharField(label=gettext_lazy("Worker"), required=False, max_length=255)
    schedule = forms.CharField(label=gettext_lazy("Schedule"), required=False, max_length=255)
    tag = forms.CharField(label=gettext_lazy("Tag"), required=False, max_length=100)

    MORE = ("family", "queue", "worker", "schedule", "tag")

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        states = [(state.value, state.label.capitalize()) for state in [*State, *Special]]
        self.fields["state"].choices = [("", _("Any")), *states]  # type: ignore[attr-defined]
        # A job may be of a task or a queue that is gone: its name is offered when it is asked for.
        tasks = {name: catalog.title(name) for name in [*catalog.tasks(), *data.getlist("task")] if name}
        families = {catalog.family(name): family_title(name) for name in catalog.tasks()}
        queues = {queue.name: queue.name for queue in settings.CELERY_TASK_QUEUES}
        self.offer("task", tasks)
        self.offer(
            "family", families | {name: name for name in data.getlist("family") if name not in families}
        )
        self.offer("queue", queues | {name: name for name in data.getlist("queue")})

    def offer(self, field: str, titles: dict[str, str]) -> None:
        ordered = sorted((title, value) for value, title in titles.items() if value)
        choices = [("", _("Any")), *((value, title) for title, value in ordered)]
        self.fields[field].widget.choices = choices

    @property
    def is_set(self) -> bool:
        return any(self.data.get(name) for name in self.fields)

    @property
    def basic(self) -> list[forms.BoundField]:
        return [self[name] for name in self.fields if name not in self.MORE]

    @property
    def more(self) -> list[forms.BoundField]:
        return [self[name] for name in self.MORE]

    @property
    def more_is_set(self) -> bool:
        return any(self.data.get(name) for name in self.MORE)

    def criteria(self) -> Criteria:
        """A day alone is that day; two are all days from one to the other."""
        asked: dict[str, Any] = dict(self.cleaned_data)
        first, last = asked.pop("day"), asked.pop("until")
        words = {name: value.strip() for name, value in asked.items()}
        end = (last or first) and beginning((last or first) + timedelta(days=1))
        return Criteria(**words, since=first and beginning(first), until=end)


@dataclass(frozen=True)
class Listing:
    """A page, and the query strings of what is beside it. `count` is None on all but the first one.

    `top` asks for what is newer than the page; `further` goes on where a search ended.
    """

    page: Page
    count: Count | None = None
    newer: str | None = None
    older: str | None = None
    top: str | None = None
    first: str = "?"
    further: str | None = None


def load(filters: JobFilter, query: QueryDict) -> Listing:
    if not filters.is_valid():
        return Listing(Page())
    wanted = filters.criteria()
    before, after = place(query.get(OLDER)), place(query.get(NEWER))
    if after:
        page = searching.newer_than(after, wanted, PAGE_SIZE)
    else:
        page = searching.older_than(before, wanted, PAGE_SIZE)
    newer = page.newer and link(query, NEWER, page.newer)
    older = page.older and link(query, OLDER, page.older)
    return Listing(
        page,
        count=None if page.newer else searching.count(wanted),
        newer=newer,
        older=older,
        top=None if page.newer else link(query, NEWER, page.top),
        first=link(query),
        further=newer if after else older,
    )


def count_new(filters: JobFilter, query: QueryDict) -> Count:
    """How many jobs came since the page was shown."""
    since = place(query.get(NEWER))
    if since is None or not filters.is_valid():
        return Count(0)
    return searching.count_newer(since, filters.criteria(), NEW_COUNTED)


def beginning(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
