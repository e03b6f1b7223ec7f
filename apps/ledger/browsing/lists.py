"""Lists that never count, sort or read a whole table."""

from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.core.paginator import Paginator
from django.db import models
from django.http import HttpRequest
from django.utils.timezone import localtime
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter

from apps.jobs.reading.counting import COUNT_LIMIT, distinct, estimate, up_to
from apps.jobs.states import State

NOTHING = "–"
LONGEST_DAYS = {"day": 1, "month": 31, "year": 366}


class BoundedPaginator(Paginator[Any]):
    """Never counts more than COUNT_LIMIT rows; how many a whole table has is PostgreSQL's estimate."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted = up_to(COUNT_LIMIT, rows.order_by())
        if not counted.more or rows.query.where:
            return counted.number
        return max(counted.number, estimate(rows.model))


class SteppedDates(models.QuerySet[Any]):
    """Lists each year, month or day between the first row and the last, without reading those between."""

    def datetimes(self, field_name: str, kind: str, *args: Any, **kwargs: Any) -> Any:
        ends = self.aggregate(first=models.Min(field_name), last=models.Max(field_name))
        if ends["first"] is None:
            return []
        return list(steps(localtime(ends["first"]), localtime(ends["last"]), kind))


class ValuesFilter(DropdownFilter):
    """The values that an indexed column has, found by hopping through the index."""

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [(value, value) for value in distinct(model_admin.model, self.parameter_name)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(**{self.parameter_name: self.value()}) if self.value() else queryset


def values_filter(title: Any, column: str) -> type[ValuesFilter]:
    return type(f"{column}_filter", (ValuesFilter,), {"title": title, "parameter_name": column})


def choices_filter(title: Any, column: str, choices: Any = State.choices) -> type[ValuesFilter]:
    def lookups(*_: Any) -> list[tuple[str, Any]]:
        return [(value, label) for value, label in choices if value]

    members = {"title": title, "parameter_name": column, "lookups": lookups}
    return type(f"{column}_filter", (ValuesFilter,), members)


class ReadOnlyAdmin(ModelAdmin):
    """History: nobody adds or changes it; who has the permission may delete it.

    A list doesn't read the `heavy` columns, which may be large; `empty_words` stand where there are no rows.
    """

    heavy: tuple[str, ...] = ()
    empty_words: Any
    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_filter_submit = True
    list_per_page = 50
    empty_value_display = NOTHING

    def get_queryset(self, request: HttpRequest) -> Any:
        rows = SteppedDates(self.model)
        return rows.defer(*self.heavy) if is_list(request) else rows

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def is_list(request: HttpRequest) -> bool:
    match = request.resolver_match
    return match is not None and str(match.url_name).endswith("_changelist")


def steps(first: datetime, last: datetime, kind: str) -> Iterable[datetime]:
    """The beginnings of the years, months or days from one to the other."""
    moment = beginning(first, kind)
    while moment <= last:
        yield moment
        moment = beginning(moment + timedelta(days=LONGEST_DAYS[kind]), kind)


def beginning(moment: datetime, kind: str) -> datetime:
    midnight = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if kind == "day":
        return midnight
    return midnight.replace(day=1) if kind == "month" else midnight.replace(month=1, day=1)
