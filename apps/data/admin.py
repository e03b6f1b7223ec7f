from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.forms import ModelForm
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from apps.data.importing import TASK, start_over
from apps.data.models import Dataset, Import, Record, RowError, Source
from apps.jobs import submit
from apps.jobs.errors import JobError
from apps.jobs.permissions import may_run
from apps.jobs.states import Source as JobSource
from apps.jobs.states import State

SYNC = "apps.data.tasks.sync_data_task"
COLOURS = {State.SUCCESS: "success", State.FAILURE: "danger", State.RETRY: "warning", State.STARTED: "info"}


class DataAdmin(ModelAdmin):
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def submit_each(self, request: HttpRequest, rows: QuerySet[Any], act: Callable[..., object]) -> None:
        """Row by row: one that can't be submitted says so, and the others go."""
        done = 0
        for row in rows:
            try:
                act(row, source=JobSource.ADMIN, submitter=request.user.get_username())
                done += 1
            except JobError as error:
                self.message_user(request, f"{row}: {error}", messages.ERROR)
        self.message_user(request, _t("%d jobs submitted") % done)


class HistoryAdmin(DataAdmin):
    """Rows that only jobs write."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Dataset)
class DatasetAdmin(DataAdmin):
    list_display = ("name", "title", "key_column", "created")
    search_fields = ("name", "title")
    readonly_fields = ("columns", "created")

    def get_readonly_fields(self, request: HttpRequest, obj: Dataset | None = None) -> tuple[str, ...]:
        """A key that changed would make other records of the same rows."""
        return (*self.readonly_fields, "name", "key_column") if obj else self.readonly_fields

    def has_delete_permission(self, request: HttpRequest, obj: Dataset | None = None) -> bool:
        """Not with millions of rows below it: its records go first, by their own page."""
        empty = obj is None or not obj.records.exists()
        return empty and super().has_delete_permission(request, obj)


@admin.register(Record)
class RecordAdmin(HistoryAdmin):
    list_display = ("id", "dataset", "key", "updated")
    list_filter = ("dataset",)
    list_select_related = ("dataset",)
    search_fields = ("=key",)
    search_help_text = _("The whole key.")
    ordering = ("-id",)


@admin.register(Import)
class ImportAdmin(HistoryAdmin):
    list_display = ("file_name", "dataset", "badge", "progress", "rows_failed", "created", "finished")
    list_filter = ("state", "dataset", "created")
    list_select_related = ("dataset",)
    search_fields = ("file_name", "=job_id")
    date_hierarchy = "created"
    actions = ("run_these_again",)
    exclude = ("file",)
    readonly_fields = ("page",)

    @display(description=_("state"), label=COLOURS, ordering="state")  # type: ignore[untyped-decorator]
    def badge(self, row: Import) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @admin.display(description=_("rows"))
    def progress(self, row: Import) -> str:
        total = "?" if row.rows_total is None else f"{row.rows_total:,}"
        return f"{row.rows_read:,} / {total}"

    @admin.display(description=_("page"))
    def page(self, row: Import) -> str:
        return format_html('<a href="{}">{}</a>', row.get_absolute_url(), _t("Progress and rejected rows"))

    def has_run_permission(self, request: HttpRequest) -> bool:
        return may_run(request.user, TASK)

    @admin.action(description=_("Run again, from the first line"), permissions=["run"])
    def run_these_again(self, request: HttpRequest, rows: QuerySet[Import]) -> None:
        self.submit_each(request, rows, start_over)


@admin.register(RowError)
class RowErrorAdmin(HistoryAdmin):
    list_display = ("origin", "line", "kind", "column", "message")
    list_filter = ("kind",)
    list_select_related = ("origin__dataset",)
    search_fields = ("message", "raw")


@admin.register(Source)
class SourceAdmin(DataAdmin):
    list_display = ("name", "target", "enabled", "last_run", "last_error")
    list_filter = ("enabled",)
    list_select_related = ("target",)
    search_fields = ("name", "url")
    autocomplete_fields = ("target",)
    readonly_fields = ("last_run", "last_error", "etag", "last_modified")
    actions = ("sync_these_now",)

    def has_sync_permission(self, request: HttpRequest) -> bool:
        return may_run(request.user, SYNC)

    @admin.action(description=_("Fetch now"), permissions=["sync"])
    def sync_these_now(self, request: HttpRequest, rows: QuerySet[Source]) -> None:
        self.submit_each(request, rows, lambda row, **how: submit(SYNC, kwargs={"source": row.name}, **how))

    def save_model(self, request: HttpRequest, obj: Source, form: ModelForm[Source], change: bool) -> None:
        """What is fetched from elsewhere, or goes elsewhere, isn't "still the same"."""
        if {"url", "target", "format", "encoding"} & set(form.changed_data):
            obj.etag = obj.last_modified = ""
        super().save_model(request, obj, form, change)
