"""Pauses, limits and held jobs in the admin."""

from typing import Any

from django import forms
from django.contrib import admin
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.admin import ModelAdmin

from apps.gate import pausing
from apps.gate.checks import wrong_setting
from apps.gate.desired import names, publish_soon
from apps.gate.models import LimitSetting, Pause
from apps.jobs import catalog
from apps.jobs.models import Hold

ID_SHOWN = 8


class PauseForm(forms.ModelForm[Pause]):
    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        for field, text in pausing.wrong_place(found.get("what", ""), found.get("name", "")).items():
            self.add_error(field, text)
        if found.get("until") and pausing.is_past(found["until"]):
            self.add_error("until", _("expected a time in the future"))
        return found


class LimitForm(forms.ModelForm[LimitSetting]):
    def clean(self) -> dict[str, Any]:
        found: dict[str, Any] = super().clean() or self.cleaned_data
        key, share = names(found.get("key", "")), names(found.get("share", ""))
        if found.get("task"):
            for field, text in wrong_setting(found["task"], key, share).items():
                self.add_error(field, text)
        return found


class FollowedAdmin(ModelAdmin):
    """Whatever changes here is told to the workers after the commit."""

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        super().save_model(request, obj, form, change)
        publish_soon()

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        super().delete_model(request, obj)
        publish_soon()

    def delete_queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> None:
        super().delete_queryset(request, queryset)
        publish_soon()


@admin.register(Pause)
class PauseAdmin(FollowedAdmin):
    """To resume is to delete."""

    form = PauseForm
    list_display = ("__str__", "by", "why", "since", "until")
    list_filter = ("what",)
    search_fields = ("name", "by", "why")
    fields = ("what", "name", "why", "until")

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        obj.by = request.user.get_username()
        super().save_model(request, obj, form, change)


@admin.register(LimitSetting)
class LimitAdmin(FollowedAdmin):
    form = LimitForm
    list_display = ("task", "kind", "limit", "per_seconds", "key", "share", "enabled")
    list_filter = ("kind", "enabled")
    search_fields = ("task",)
    fields = (
        "task", "kind", "limit", ("per_seconds", "burst"), "lease_seconds", ("key", "share"), "enabled",
    )  # fmt: skip


@admin.register(Hold)
class HoldAdmin(ModelAdmin):
    """What waits, and for what. It goes on by itself; a pause is ended at its own page."""

    list_display = ("job", "title", "queue", "why", "held_at", "until")
    list_display_links = None
    list_filter = ("queue",)
    search_fields = ("job_id__exact", "task__startswith", "line__startswith")
    search_help_text = gettext_lazy("A job's id, or the beginning of a task or of what is waited for")
    ordering = ("line", "turn", "held_at")
    show_full_result_count = False

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("Job"))
    def job(self, row: Hold) -> SafeString:
        page = reverse("admin:jobs_job_change", args=[row.job_id])
        return format_html('<a href="{}" class="text-link">{}</a>', page, row.job_id[:ID_SHOWN])

    @admin.display(description=gettext_lazy("Task"), ordering="task")
    def title(self, row: Hold) -> str:
        return catalog.title(row.task)
