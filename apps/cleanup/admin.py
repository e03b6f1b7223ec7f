"""Overrides of policies, and the history of cleanups."""

from typing import Any

from django import forms
from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display
from unfold.widgets import UnfoldAdminSelectWidget

from apps.cleanup.models import CleanupRun, RetentionOverride
from apps.cleanup.policies import policies

OUTCOMES = {
    "running": ("info", _("running or cut off")),
    "failed": ("danger", _("failed")),
    "unfinished": ("warning", _("to be continued")),
    "done": ("success", _("done")),
}


def policy_choices() -> list[tuple[str, str]]:
    return [("", "---------"), *((name, name) for name in sorted(policies()))]


class OverrideForm(forms.ModelForm):  # type: ignore[type-arg]
    policy = forms.ChoiceField(label=_("Policy"), choices=policy_choices, widget=UnfoldAdminSelectWidget)

    class Meta:
        model = RetentionOverride
        fields = ("policy", "keep_days", "note")


@admin.register(RetentionOverride)
class RetentionOverrideAdmin(ModelAdmin):
    form = OverrideForm
    list_display = ("policy", "keep_days", "note", "changed_by", "changed_at")
    search_fields = ("policy", "note")
    readonly_fields = ("changed_by", "changed_at")
    show_facets = admin.ShowFacets.NEVER

    def save_model(self, request: HttpRequest, obj: RetentionOverride, form: Any, change: bool) -> None:
        obj.changed_by = request.user.get_username()
        super().save_model(request, obj, form, change)


@admin.register(CleanupRun)
class CleanupRunAdmin(ModelAdmin):
    list_display = (
        "policy", "outcome", "dry_run", "deleted", "cascaded", "files_deleted", "started_at", "took",
    )  # fmt: skip
    list_filter = ("dry_run", "complete")
    search_fields = ("policy", "job_id", "error")
    date_hierarchy = "started_at"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    @display(  # type: ignore[untyped-decorator]
        description=_("outcome"), label={name: colour for name, (colour, _text) in OUTCOMES.items()}
    )
    def outcome(self, run: CleanupRun) -> tuple[str, Any]:
        name = outcome_of(run)
        return name, OUTCOMES[name][1]

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def outcome_of(run: CleanupRun) -> str:
    if run.finished_at is None:
        return "running"
    if run.error:
        return "failed"
    return "done" if run.complete else "unfinished"
