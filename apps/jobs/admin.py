"""Results as people read them: lists that stay fast on millions of rows, details in plain JSON."""

import json
from collections.abc import Iterable
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.core.paginator import Paginator
from django.db import connection, models
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_results import admin as results_admin
from django_celery_results.models import GroupResult, TaskResult
from unfold.admin import ModelAdmin
from unfold.contrib.filters.admin import DropdownFilter

from apps.jobs import catalog, reading
from apps.jobs.states import FINISHED, State

COUNT_LIMIT = 10_000
CHOICES_LIMIT = 200
TABLE = "django_celery_results_taskresult"
BIG_COLUMNS = ("task_args", "task_kwargs", "result", "traceback", "meta")
TONES = {"SUCCESS": "success", "STARTED": "info", "RETRY": "warning", "FAILURE": "danger"}
NOTHING = "–"
LONGEST_DAYS = {"day": 1, "month": 31, "year": 366}

admin.site.unregister([TaskResult, GroupResult])


class BoundedPaginator(Paginator[Any]):
    """Never counts more than COUNT_LIMIT rows; how many a whole table has is PostgreSQL's estimate."""

    @cached_property
    def count(self) -> int:
        rows: Any = self.object_list
        counted = int(rows.order_by()[: COUNT_LIMIT + 1].count())
        if counted <= COUNT_LIMIT or rows.query.where:
            return min(counted, COUNT_LIMIT)
        table = rows.model._meta.db_table  # noqa: SLF001 - Django's documented API
        return max(counted, estimate(table))


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
        return [(value, value) for value in distinct(self.parameter_name)]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        return queryset.filter(**{self.parameter_name: self.value()}) if self.value() else queryset


class StateFilter(ValuesFilter):
    title, parameter_name = gettext_lazy("state"), "status"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(State.choices)


def values_filter(title: Any, column: str) -> type[ValuesFilter]:
    return type(f"{column}_filter", (ValuesFilter,), {"title": title, "parameter_name": column})


def moment_column(field: str, title: Any) -> Any:
    """The time in the reader's zone; how long ago it was shows when pointed at."""

    @admin.display(description=title, ordering=field)
    def show(row: Any) -> SafeString | str:
        moment = getattr(row, field)
        if moment is None or (field == "date_done" and row.status not in FINISHED):
            return NOTHING
        exact = date_format(localtime(moment), _("j M Y H:i:s"))
        shape = '<time datetime="{}" title="{}" class="whitespace-nowrap">{}</time>'
        return format_html(shape, moment.isoformat(), naturaltime(moment), exact)

    return staticmethod(show)


def json_column(part: str, title: Any) -> Any:
    """A part of the JobView: text as it is, all else as indented JSON."""

    @admin.display(description=title)
    def show(row: TaskResult) -> SafeString | str:
        value = getattr(reading.view(row), part)
        if value is None:
            return NOTHING
        plain = isinstance(value, str)
        text = value if plain else json.dumps(value, indent=2, default=str, ensure_ascii=False)
        return format_html('<pre class="switchyard-pre">{}</pre>', text)

    return staticmethod(show)


class ReadOnlyAdmin(ModelAdmin):
    """History: nobody adds or changes it; who has the permission may delete it."""

    paginator = BoundedPaginator
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    list_filter_submit = True
    list_per_page = 50
    date_hierarchy = "date_created"
    ordering = ("-date_created",)
    empty_value_display = NOTHING

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(TaskResult)
class ResultAdmin(ReadOnlyAdmin, results_admin.TaskResultAdmin):
    list_display = ("title", "state", "job", "submitted", "run_time", "worker", "schedule")
    list_filter = (
        StateFilter,
        values_filter(gettext_lazy("task"), "task_name"),
        values_filter(gettext_lazy("worker"), "worker"),
        values_filter(gettext_lazy("schedule"), "periodic_task_name"),
    )
    search_fields = ("task_id__startswith", "task_name__icontains", "task_kwargs__icontains")
    search_help_text = gettext_lazy("Job id, task or arguments")
    fieldsets = (
        (None, {"fields": (("title", "state"), ("job", "schedule"), "task_id", "task_name", "error")}),
        (gettext_lazy("Arguments"), {"fields": ("arguments", "positional_arguments")}),
        (gettext_lazy("Result"), {"fields": ("pretty_result", "traceback_text")}),
        (
            gettext_lazy("Run"),
            {"fields": (("submitted", "started"), ("finished", "run_time"), "worker", "children")},
        ),
    )
    submitted = moment_column("date_created", gettext_lazy("Submitted"))
    started = moment_column("date_started", gettext_lazy("Started"))
    finished = moment_column("date_done", gettext_lazy("Ended"))
    arguments = json_column("kwargs", gettext_lazy("Arguments"))
    positional_arguments = json_column("args", gettext_lazy("Positional arguments"))
    pretty_result = json_column("result", gettext_lazy("Result"))
    traceback_text = json_column("traceback", gettext_lazy("Traceback"))

    def get_queryset(self, request: HttpRequest) -> Any:
        """A list doesn't read the texts, which may be large."""
        rows = SteppedDates(TaskResult)
        is_list = request.resolver_match and request.resolver_match.url_name.endswith("_changelist")  # type: ignore[union-attr]
        return rows.defer(*BIG_COLUMNS) if is_list else rows

    @admin.display(description=gettext_lazy("Task"), ordering="task_name")
    def title(self, row: TaskResult) -> str:
        return catalog.title(row.task_name) if row.task_name else _("unknown")

    @admin.display(description=gettext_lazy("State"), ordering="status")
    def state(self, row: TaskResult) -> SafeString:
        look = {"text": state_label(row.status), "type": TONES.get(row.status, "")}
        return render_to_string("unfold/helpers/label.html", look)

    @admin.display(description=gettext_lazy("Job"))
    def job(self, row: TaskResult) -> SafeString | str:
        return job_link(row.task_id, row.task_id[:8])

    @admin.display(description=gettext_lazy("Run time"))
    def run_time(self, row: TaskResult) -> str:
        if row.status not in FINISHED or not row.date_started:
            return NOTHING
        return f"{(row.date_done - row.date_started).total_seconds():.2f} s"

    @admin.display(description=gettext_lazy("Schedule"), ordering="periodic_task_name")
    def schedule(self, row: TaskResult) -> SafeString | str:
        name = row.periodic_task_name
        page = reverse("admin:django_celery_beat_periodictask_changelist", query={"q": name or ""})
        return format_html('<a href="{}">{}</a>', page, name) if name else NOTHING

    @admin.display(description=gettext_lazy("Error"))
    def error(self, row: TaskResult) -> str:
        return reading.view(row).error or NOTHING

    @admin.display(description=gettext_lazy("Jobs it started"))
    def children(self, row: TaskResult) -> SafeString | str:
        meta = reading.loaded(row.meta)
        ids = reading.job_ids(meta.get("children") or []) if isinstance(meta, dict) else []
        return job_links(ids)


@admin.register(GroupResult)
class GroupAdmin(ReadOnlyAdmin, results_admin.GroupResultAdmin):
    list_display = ("group_id", "jobs", "submitted")
    search_fields = ("group_id__startswith",)
    fieldsets = ((None, {"fields": ("group_id", "submitted", "members")}),)
    submitted = moment_column("date_created", gettext_lazy("Submitted"))

    def get_queryset(self, request: HttpRequest) -> Any:
        return SteppedDates(GroupResult)

    @admin.display(description=gettext_lazy("Jobs"))
    def jobs(self, row: GroupResult) -> int:
        return len(member_ids(row))

    @admin.display(description=gettext_lazy("Jobs"))
    def members(self, row: GroupResult) -> SafeString | str:
        return job_links(member_ids(row))


def member_ids(row: GroupResult) -> list[str]:
    found = reading.loaded(row.result)
    return reading.job_ids([found]) if isinstance(found, list) else []


def job_links(ids: list[str]) -> SafeString | str:
    """Each with its state, read in one query; the first CHOICES_LIMIT of them."""
    views = reading.views_of(ids[:CHOICES_LIMIT])
    rows = [
        (job_link(view.id, view.id[:8]), catalog.title(view.task), state_label(view.state))
        for view in (views[job_id] for job_id in ids if job_id in views)
    ]
    items = format_html_join("", "<li>{} · {} · {}</li>", rows)
    return format_html('<ul class="switchyard-list">{}</ul>', items) if rows else NOTHING


def job_link(job_id: str, text: str) -> SafeString | str:
    """To the job's page; plain text for an id that no page can have."""
    try:
        url = reverse("console:job", args=[job_id])
    except NoReverseMatch:
        return text
    return format_html('<a href="{}" title="{}" class="text-link">{}</a>', url, job_id, text)


def state_label(state: str) -> Any:
    return State(state).label if state in State.values else state


def estimate(table: str) -> int:
    """How many rows PostgreSQL believes the table has, as of its last ANALYZE."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT reltuples::bigint FROM pg_class WHERE oid = to_regclass(%s)", [table])
        return int(cursor.fetchone()[0])


def distinct(column: str) -> list[str]:
    """The first CHOICES_LIMIT values of an indexed column: one look into the index for each."""
    value = connection.ops.quote_name(column)
    smallest = f"SELECT min({value}) AS value FROM {TABLE}"  # noqa: S608 - names of ours
    query = (
        f"WITH RECURSIVE found AS ({smallest} UNION ALL SELECT ({smallest} WHERE {value} > found.value)"  # noqa: S608
        " FROM found WHERE found.value IS NOT NULL) SELECT value FROM found WHERE value IS NOT NULL LIMIT %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [CHOICES_LIMIT])
        return [value for (value,) in cursor.fetchall()]


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
