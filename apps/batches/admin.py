"""Batches in the admin: how far they are, cancel and retry of the whole."""

from typing import Any

from django.contrib import admin
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from apps.batches.buttons import BatchActions
from apps.batches.columns import (
    NOTHING,
    StateFilter,
    batch_link,
    json_text,
    member_links,
    moment_column,
    progress_bar,
    state_badge,
)
from apps.batches.counting import Counts, counts_of
from apps.batches.models import Batch

CHILDREN_SHOWN = 100


class Counted(ChangeList):
    """The figures of a page's batches are read together."""

    def get_results(self, request: HttpRequest) -> None:
        super().get_results(request)
        rows: Any = self.result_list
        self.result_list = rows = list(rows)
        counts = counts_of(rows)
        for row in rows:
            row.counts = counts[row.pk]


def counts(row: Any) -> Counts:
    found: Counts = row.counts if hasattr(row, "counts") else counts_of([row])[row.pk]
    return found


@admin.register(Batch)
class BatchAdmin(BatchActions, ModelAdmin):
    list_display = ("title", "badge", "progress", "opened", "finished", "inside")
    list_filter = (StateFilter,)
    list_filter_submit = True
    search_fields = ("id__exact", "name__istartswith")
    search_help_text = gettext_lazy("A batch's id, or the beginning of its name")
    list_per_page = 50
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    ordering = ("-id",)
    empty_value_display = NOTHING
    fieldsets = (
        (None, {"fields": (("title", "badge"), "progress", "members", ("inside", "opener"), "children")}),
        (
            gettext_lazy("Way"),
            {"fields": (("opened", "closed"), ("first_failure", "finished"), "round", "calls")},
        ),
        (gettext_lazy("Cancelled"), {"fields": ("cancelled_when", "cancelled_by", "cancelled_why", "kill")}),
    )
    opened = moment_column("opened_at", gettext_lazy("Opened"))
    closed = moment_column("closed_at", gettext_lazy("Closed"))
    finished = moment_column("finished_at", gettext_lazy("Finished"))
    first_failure = moment_column("failed_at", gettext_lazy("First failure"))
    cancelled_when = moment_column("cancelled_at", gettext_lazy("Cancelled"))

    def get_changelist(self, request: HttpRequest, **_: Any) -> type[ChangeList]:
        return Counted

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("Batch"), ordering="id")
    def title(self, row: Batch) -> str:
        return str(row)

    @admin.display(description=gettext_lazy("State"))
    def badge(self, row: Batch) -> SafeString:
        return state_badge(row)

    @admin.display(description=gettext_lazy("Progress"))
    def progress(self, row: Batch) -> SafeString:
        return progress_bar(counts(row))

    @admin.display(description=gettext_lazy("Jobs of its own"))
    def members(self, row: Batch) -> SafeString | str:
        return member_links(row)

    @admin.display(description=gettext_lazy("In batch"))
    def inside(self, row: Batch) -> SafeString | str:
        return batch_link(row.parent_id, str(row.parent_id)) if row.parent_id else NOTHING

    @admin.display(description=gettext_lazy("Batches in it"))
    def children(self, row: Batch) -> SafeString | str:
        found = row.children.order_by("id")[:CHILDREN_SHOWN]
        links = [(batch_link(child.pk, str(child)), state_badge(child)) for child in found]
        return format_html_join("", "<p>{} {}</p>", links) or NOTHING

    @admin.display(description=gettext_lazy("Opened by job"))
    def opener(self, row: Batch) -> SafeString | str:
        if not row.opener:
            return NOTHING
        page = reverse("admin:jobs_job_change", args=[row.opener])
        return format_html('<a href="{}" class="text-link">{}</a>', page, row.opener[:8])

    @admin.display(description=gettext_lazy("Callbacks"))
    def calls(self, row: Batch) -> SafeString | str:
        return json_text(row.callbacks)
