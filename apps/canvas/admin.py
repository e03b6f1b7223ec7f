"""Chords in the admin: those that were stuck, and what became of them. Nothing is changed here."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin

from apps.canvas.models import Chord


@admin.register(Chord)
class ChordAdmin(ModelAdmin):
    list_display = ("group", "outcome", "begun_at", "settled_at", "why")
    list_filter = ("outcome",)
    search_fields = ("group__startswith",)
    show_full_result_count = False
    ordering = ("-begun_at",)
    fields = ("group", "outcome", "why", "begun_at", "settled_at", "bodies")
    readonly_fields = ("bodies",)

    @admin.display(description=_("jobs of the body"))
    def bodies(self, chord: Chord) -> SafeString:
        links = [(reverse("console:job", args=[job_id]), job_id) for job_id in chord.body_ids]
        return format_html_join(" ", '<a href="{}">{}</a>', links)

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False
