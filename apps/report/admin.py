"""Reports in the admin: history to look at, to open, and to make again."""

from collections.abc import Sequence
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.template.defaultfilters import filesizeformat
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import action, display

from apps.jobs.errors import ArgumentError
from apps.jobs.permissions import may_run
from apps.jobs.states import Source, State
from apps.report.models import Report
from apps.report.ordering import TASK, again

LABELS = {
    State.SUCCESS: "success",
    State.FAILURE: "danger",
    State.STARTED: "info",
    State.RETRY: "warning",
}


@admin.register(Report)
class ReportAdmin(ModelAdmin):
    """Rows are history: nobody adds, changes or deletes them here; retention does."""

    list_display = ("title", "state_badge", "format", "rows", "size_words", "submitted_by", "created", "open")
    list_filter = ("state", "format", "name", "created")
    list_select_related = ("submitted_by",)
    search_fields = ("title", "name", "job_id", "submitted_by__username")
    date_hierarchy = "created"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    actions = ("make_again",)
    fields = (
        "title", "name", "format", "parameters", "state", "error", "open", "size_words", "rows",
        "job_id", "submitted_by", "created", "finished",
    )  # fmt: skip
    readonly_fields = fields

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_make_again_permission(self, request: HttpRequest) -> bool:
        return may_run(request.user, TASK)

    @action(description=_("Make again"), permissions=["make_again"])  # type: ignore[untyped-decorator]
    def make_again(self, request: HttpRequest, queryset: QuerySet[Report]) -> None:
        for report in queryset:
            try:
                new = again(report, request.user, Source.ADMIN)
            except ArgumentError as error:
                self.message_user(request, f"{report}: {error}", messages.ERROR)
            else:
                link = format_html('<a href="{}">{}</a>', new.get_absolute_url(), new)
                self.message_user(request, link, messages.SUCCESS)

    @display(description=_("State"), ordering="state", label=LABELS)  # type: ignore[untyped-decorator]
    def state_badge(self, report: Report) -> tuple[str, str]:
        return report.state, report.get_state_display()

    @display(description=_("Size"), ordering="size")  # type: ignore[untyped-decorator]
    def size_words(self, report: Report) -> str:
        return filesizeformat(report.size) if report.size else "–"

    @display(description=_("File"))  # type: ignore[untyped-decorator]
    def open(self, report: Report) -> str:
        if report.state != State.SUCCESS:
            return format_html('<a href="{}">{}</a>', report.get_absolute_url(), _("Page"))
        links = [("report:download", _("Download"))]
        if report.format == "html":
            links.insert(0, ("report:view", _("View")))
        return joined(report, links)


def joined(report: Report, links: Sequence[tuple[str, Any]]) -> str:
    made = [format_html('<a href="{}">{}</a>', reverse(name, args=[report.pk]), text) for name, text in links]
    return format_html(" · ".join(["{}"] * len(made)), *made)
