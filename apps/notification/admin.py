"""The family in the admin. A signing key is never shown, and history is read-only."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin, TabularInline
from unfold.decorators import display

from apps.notification.forms import ChannelForm
from apps.notification.models import Channel, Delivery, Notification
from apps.notification.shipped import CHANNELS

STATE_LABELS = {"pending": "info", "sent": "success", "failed": "danger"}
SEVERITY_LABELS = {"info": "info", "warning": "warning", "error": "danger", "critical": "danger"}


class ReadOnly:
    """Rows that only jobs write."""

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class DeliveryInline(ReadOnly, TabularInline):
    model = Delivery
    extra = 0
    fields = ("channel", "state", "attempts", "status_code", "error", "sent_at")
    can_delete = False


@admin.register(Channel)
class ChannelAdmin(ModelAdmin):
    form = ChannelForm
    list_display = ("name", "kind", "enabled", "min_severity")
    list_filter = ("kind", "enabled")
    search_fields = ("name",)
    show_facets = admin.ShowFacets.NEVER

    def get_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Read-only fields show what is stored: whoever may only look sees neither key nor addresses."""
        shown = ("name", "kind", "config", "secret", "enabled", "min_severity")
        may_change = self.has_change_permission(request, obj) if obj else self.has_add_permission(request)
        return shown if may_change else tuple(name for name in shown if name not in {"config", "secret"})

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """`migrate` would bring a shipped channel back: it is disabled instead."""
        allowed = super().has_delete_permission(request, obj)
        return bool(allowed and (obj is None or obj.name not in CHANNELS))


@admin.register(Notification)
class NotificationAdmin(ReadOnly, ModelAdmin):
    list_display = ("title", "recipient", "severity_label", "created", "read_at")
    list_filter = ("severity",)
    search_fields = ("title", "recipient", "key", "job_id")
    date_hierarchy = "created"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    inlines = (DeliveryInline,)

    @display(description=_("severity"), label=SEVERITY_LABELS, ordering="severity")  # type: ignore[untyped-decorator]
    def severity_label(self, notification: Notification) -> tuple[str, Any]:
        return notification.severity, notification.get_severity_display()


@admin.register(Delivery)
class DeliveryAdmin(ReadOnly, ModelAdmin):
    list_display = ("notification", "channel", "state_label", "attempts", "status_code", "sent_at")
    list_filter = ("state", "channel")
    search_fields = ("notification__title", "notification__recipient", "uid", "error")
    list_select_related = ("notification", "channel")
    date_hierarchy = "notification__created"
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    @display(description=_("state"), label=STATE_LABELS, ordering="state")  # type: ignore[untyped-decorator]
    def state_label(self, delivery: Delivery) -> tuple[str, Any]:
        return delivery.state, delivery.get_state_display()
