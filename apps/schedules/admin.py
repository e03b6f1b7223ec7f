"""Beat's five models in the admin: PeriodicTask is a schedule, the other four are rules."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.views.autocomplete import AutocompleteJsonView
from django.contrib.admin.widgets import AutocompleteSelect
from django.db.models import Count
from django.http import HttpRequest
from django.urls import URLPattern, path
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat import admin as beat
from django_celery_beat.models import (
    ClockedSchedule,
    CrontabSchedule,
    IntervalSchedule,
    PeriodicTask,
    SolarSchedule,
)
from unfold.admin import ModelAdmin, TabularInline

from apps.schedules import columns, filters, history, rules, switching, wording
from apps.schedules.acting import ScheduleActions
from apps.schedules.forms import ClockedForm, RuleForm, ScheduleForm
from apps.schedules.rules import Rule

KIND_OF = {
    IntervalSchedule: "interval",
    CrontabSchedule: "crontab",
    ClockedSchedule: "clocked",
    SolarSchedule: "solar",
}
BOOKKEEPING = {"date_changed", "one_off"}

admin.site.unregister([PeriodicTask, *KIND_OF])


@admin.display(description=gettext_lazy("Rule"))
def rule_label(row: Any) -> str:
    return wording.words(Rule(KIND_OF[type(row)], row))


class RuleSelect(AutocompleteSelect):
    """Finds rules as one types, and names them in words."""

    url_name = "%s:schedules_rule_choices"


class RuleChoices(AutocompleteJsonView):
    def serialize_result(self, obj: Any, to_field_name: str) -> dict[str, str]:
        return {**super().serialize_result(obj, to_field_name), "text": rule_label(obj)}


@admin.register(PeriodicTask)
class ScheduleAdmin(ScheduleActions, beat.PeriodicTaskAdmin, ModelAdmin):
    form = ScheduleForm
    change_form_template = None
    change_form_outer_after_template = "admin/schedules/recent_jobs.html"
    list_display = (
        "name", "task_title", "rule_words", "next_run", "last_run", "last_outcome", "runs", "is_enabled",
    )  # fmt: skip
    list_filter = (
        filters.EnabledFilter, filters.KindFilter, filters.FamilyFilter, filters.OutcomeFilter,
    )  # fmt: skip
    list_filter_submit = True
    list_per_page = 50
    date_hierarchy = None
    ordering = ("name",)
    search_fields = ("name", "task", "description")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    readonly_fields = ("rule_words", "next_runs", "task_help", "last_run", "runs")
    fieldsets = (
        (None, {"fields": ("name", "task", "description", "enabled")}),
        (
            gettext_lazy("When: choose one"),
            {"fields": (*rules.KINDS, ("rule_words", "next_runs"))},
        ),
        (gettext_lazy("Arguments"), {"fields": ("kwargs", "args", "task_help")}),
        (
            gettext_lazy("Limits"),
            {"fields": ("start_time", "expires", ("one_off", "expire_seconds"))},
        ),
        (gettext_lazy("Delivery"), {"fields": (("queue", "priority"), "headers")}),
        (gettext_lazy("So far"), {"fields": (("last_run", "runs"),)}),
    )
    add_fieldsets = (
        *fieldsets[:1],
        (fieldsets[1][0], {"fields": tuple(rules.KINDS)}),
        (fieldsets[2][0], {"fields": ("kwargs", "args")}),
        *fieldsets[3:5],
    )

    task_title = staticmethod(columns.task_title)
    rule_words = staticmethod(columns.rule_words)
    next_run = staticmethod(columns.next_run)
    next_runs = staticmethod(columns.next_runs)
    last_run = staticmethod(columns.last_run)
    last_outcome = staticmethod(columns.last_outcome)
    runs = staticmethod(columns.runs)
    is_enabled = staticmethod(columns.is_enabled)
    task_help = staticmethod(columns.task_help)

    def get_queryset(self, request: HttpRequest) -> Any:
        return history.with_last_job(super().get_queryset(request))

    def get_urls(self) -> list[URLPattern]:
        choices = self.admin_site.admin_view(RuleChoices.as_view(admin_site=self.admin_site))
        return [path("rules/", choices, name="schedules_rule_choices"), *super().get_urls()]

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"user": request.user})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Who may not switch it on (or off) sees the switch but can't move it."""
        may = self.has_disable_permission if obj and obj.enabled else self.has_enable_permission
        return self.readonly_fields if may(request) else (*self.readonly_fields, "enabled")

    def formfield_for_foreignkey(self, db_field: Any, request: HttpRequest, **kwargs: Any) -> Any:
        if db_field.name not in rules.KINDS:
            return super().formfield_for_foreignkey(db_field, request, **kwargs)
        widget = RuleSelect(db_field, self.admin_site)
        field = super().formfield_for_foreignkey(db_field, request, **{**kwargs, "widget": widget})
        field.label_from_instance = rule_label
        return field

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """Without beat's own, which reads every crontab for a script that this theme doesn't use."""
        jobs = self.recent_jobs(request, object_id) if object_id else None
        context = {**(extra_context or {}), "recent_jobs": jobs}
        return ModelAdmin.changeform_view(self, request, object_id, form_url, context)

    def recent_jobs(self, request: HttpRequest, object_id: str) -> dict[str, Any] | None:
        schedule = self.get_object(request, object_id)
        return columns.job_rows(history.recent(schedule.name)) if schedule else None

    def save_model(self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool) -> None:
        """Only what the form changed: beat may have counted a run since the form was opened."""
        if not change and "enabled" not in form.fields:
            obj.enabled = False
            messages.warning(request, _("It is disabled: you may not enable schedules."))
        switched = "enabled" in form.changed_data
        if obj.enabled and (switched or not change):
            switching.set_off(obj)
        if not change:
            obj.save()
            return
        columns_of_run = {"enabled", "last_run_at", "total_run_count"} if switched else set()
        known = {field.name for field in self.opts.concrete_fields}
        obj.save(update_fields=(known & set(form.changed_data)) | BOOKKEEPING | columns_of_run)


class SchedulesOfRule(TabularInline, beat.PeriodicTaskInline):
    """What else an edit of this rule changes."""

    fields = ("name", "task", "enabled")
    readonly_fields = fields
    ordering = ("name",)
    per_page = 20
    verbose_name = verbose_name_plural = gettext_lazy("Schedules that use this rule")


class RuleAdmin(ModelAdmin):
    form: type[forms.ModelForm[Any]] = RuleForm
    inlines = (SchedulesOfRule,)
    list_display: tuple[str, ...] = ("rule_label", "used_by")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    rule_label = staticmethod(rule_label)

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).annotate(used=Count("periodictask"))

    def get_ordering(self, request: HttpRequest) -> tuple[str, ...]:
        """The model's own, said again: it doesn't count for rows that are counted together."""
        return (*self.opts.ordering, "pk")

    @admin.display(description=gettext_lazy("Schedules"), ordering="used")
    def used_by(self, row: Any) -> int:
        return int(row.used)


@admin.register(IntervalSchedule)
class IntervalAdmin(RuleAdmin, beat.IntervalScheduleAdmin):
    search_fields = ("every", "period")


@admin.register(CrontabSchedule)
class CrontabAdmin(RuleAdmin, beat.CrontabScheduleAdmin):
    fields = (
        ("minute", "hour"),
        ("day_of_month", "month_of_year"),
        ("day_of_week", "timezone"),
        "rule_label",
    )
    readonly_fields = ("rule_label",)
    list_display = ("rule_label", "__str__", "used_by")
    search_fields = ("minute", "hour", "day_of_week", "day_of_month", "month_of_year", "timezone")


@admin.register(ClockedSchedule)
class ClockedAdmin(RuleAdmin, beat.ClockedScheduleAdmin):
    form = ClockedForm
    list_display = ("rule_label", "used_by")
    search_fields = ("clocked_time",)


@admin.register(SolarSchedule)
class SolarAdmin(RuleAdmin, beat.SolarScheduleAdmin):
    search_fields = ("event", "latitude", "longitude")
