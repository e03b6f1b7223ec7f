"""The policies of a schedule, on its page."""

from typing import Any

from django import forms
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _
from unfold.admin import StackedInline

from apps.schedules.models import Timing

CHANGE = "django_celery_beat.change_periodictask"


class PolicyForm(forms.ModelForm[Timing]):
    """Writes what was changed and nothing else: beat may have moved the next run since."""

    def save(self, commit: bool = True) -> Timing:
        if commit and self.changed_data:
            self.instance.save(update_fields=self.changed_data)
        return self.instance


class PolicyInline(StackedInline):
    model = Timing
    form = PolicyForm
    verbose_name = verbose_name_plural = _("Policies")
    can_delete = False
    hide_title = True
    max_num = 1
    extra = 0
    fields = (
        ("missed", "missed_window_seconds"), ("overlap", "jitter_seconds"), ("late_seconds_max", "owner"),
    )  # fmt: skip

    def has_view_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("django_celery_beat.view_periodictask") or request.user.has_perm(CHANGE)

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm(CHANGE)

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """The row comes with the schedule, by a trigger."""
        return False
