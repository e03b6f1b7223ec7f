"""Batches in the admin: how far they are, cancel and retry of the whole."""

from typing import Any

from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.admin import ModelAdmin

from apps.batches import acting
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
from apps.jobs.errors import JobError
from apps.jobs.permissions import may_run

RIGHTS = {"cancel_batches": "cancel", "retry_batches": "retry"}
CHILDREN_SHOWN, REFUSED_SHOWN = 100, 5


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
class BatchAdmin(ModelAdmin):
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
    actions = tuple(RIGHTS)
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

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("batches.cancel_batch")

    def has_retry_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("batches.retry_batch")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """A person without the right doesn't see the action; whoever asks for it anyway gets 403."""
        for name in request.POST.getlist("action"):
            if name in RIGHTS and not getattr(self, f"has_{RIGHTS[name]}_permission")(request):
                raise PermissionDenied
        return super().changelist_view(request, extra_context)

    # --- what is shown --------------------------------------------------------------------------

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

    # --- what is done ---------------------------------------------------------------------------

    @admin.action(description=gettext_lazy("Cancel"), permissions=["cancel"])
    def cancel_batches(self, request: HttpRequest, queryset: Any) -> None:
        """What waits; what runs goes on to its end."""
        count = 0
        for batch in queryset.filter(finished_at=None):
            count += acting.cancel(batch.pk, by=request.user.get_username())
            log(request, batch, _("Cancelled."))
        said = ngettext("%d batch is being cancelled.", "%d batches are being cancelled.", count) % count
        self.message_user(request, said, messages.SUCCESS if count else messages.WARNING)

    @admin.action(description=gettext_lazy("Run failed jobs again"), permissions=["retry"])
    def retry_batches(self, request: HttpRequest, queryset: Any) -> None:
        """Of batches whose tasks this person may run."""
        count = 0
        for batch in queryset:
            if refused := [task for task in acting.tasks_of(batch.pk) if not may_run(request.user, task)]:
                said = _("Batch %(batch)s was left alone: you may not run %(tasks)s.")
                words = {"batch": batch.pk, "tasks": ", ".join(refused)}
                self.message_user(request, said % words, messages.WARNING)
                continue
            count += self.retry_one(request, batch)
        said = ngettext("%d job runs again.", "%d jobs run again.", count) % count
        self.message_user(request, said, messages.SUCCESS if count else messages.WARNING)

    def retry_one(self, request: HttpRequest, batch: Batch) -> int:
        try:
            result = acting.retry(batch.pk, by=request.user.get_username())
        except JobError as error:
            self.message_user(request, str(error), messages.WARNING)
            return 0
        if result.count:
            log(request, batch, _("Failed jobs run again."))
        for job_id, why in list(result.refused.items())[:REFUSED_SHOWN]:
            self.message_user(request, f"{job_id[:8]}: {why}", messages.WARNING)
        return result.count


def log(request: HttpRequest, batch: Batch, text: str) -> None:
    """Among what this person did lately, and in the batch's history."""
    LogEntry.objects.log_actions(request.user.pk or 0, [batch], CHANGE, text, single_object=True)
