"""Beat's five models in the admin: PeriodicTask is a schedule, the other four are rules."""

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.db.models import Count
from django.http import HttpRequest
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

from apps.planner import columns, filters, history, previewing, shipped, strip
from apps.planner.acting import ScheduleActions
from apps.planner.changes import ChangeHistory
from apps.planner.deleting import Deleting
from apps.planner.forms import ClockedForm, CrontabForm, RuleForm, ScheduleForm
from apps.planner.fragments import FormParts
from apps.planner.inlines import PolicyInline
from apps.schedules import rules, wording
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


@admin.register(PeriodicTask)
class ScheduleAdmin(
    ScheduleActions, FormParts, Deleting, shipped.Resetting, ChangeHistory, beat.PeriodicTaskAdmin, ModelAdmin
):
    form = ScheduleForm
    inlines = (PolicyInline,)
    change_form_template = None
    change_form_outer_before_template = "admin/planner/shipped.html"
    change_form_outer_after_template = "admin/planner/recent_jobs.html"
    list_display = (
        "name", "task_title", "rule_words", "next_run", "last_run", "last_outcome", "runs", "from_code",
        "is_enabled",
    )  # fmt: skip
    list_filter = (
        filters.EnabledFilter, filters.KindFilter, filters.FamilyFilter, filters.OutcomeFilter,
        shipped.OriginFilter, filters.ConditionFilter,
    )  # fmt: skip
    list_filter_submit = True
    list_per_page = 50
    date_hierarchy = None
    ordering = ("name",)
    search_fields = ("name", "task", "description")
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    readonly_fields = ("next_runs", "task_help", "last_run", "runs", "pause")
    fieldsets = (
        (None, {"fields": ("name", "task", "description", "enabled")}),
        (gettext_lazy("When"), {"fields": ("rule", "zone", "next_runs")}),
        (gettext_lazy("Arguments"), {"fields": ("arguments_as", "arguments", "kwargs", "args")}),
        (
            gettext_lazy("Limits"),
            {"fields": ("start_time", "expires", ("one_off", "expire_seconds"))},
        ),
        (gettext_lazy("Delivery"), {"fields": (("queue", "priority"), "headers")}),
        (gettext_lazy("So far"), {"fields": (("last_run", "runs"), "pause")}),
    )
    add_fieldsets = fieldsets[:5]
    readers_fieldsets = (
        fieldsets[0],
        (fieldsets[1][0], {"fields": ("next_runs",)}),
        (fieldsets[2][0], {"fields": ("kwargs", "args", "task_help")}),
        *fieldsets[3:],
    )

    task_title = staticmethod(columns.task_title)
    rule_words = staticmethod(columns.rule_words)
    next_run = staticmethod(columns.next_run)
    next_runs = staticmethod(previewing.next_runs)
    last_run = staticmethod(columns.last_run)
    last_outcome = staticmethod(columns.last_outcome)
    runs = staticmethod(columns.runs)
    pause = staticmethod(columns.pause)
    from_code = staticmethod(shipped.from_code)
    is_enabled = staticmethod(columns.is_enabled)
    task_help = staticmethod(columns.task_help)

    def get_queryset(self, request: HttpRequest) -> Any:
        found = super().get_queryset(request).select_related("timing", "shipped", "streak")
        return history.with_last_job(found)

    def get_inlines(self, request: HttpRequest, obj: Any) -> Any:
        return self.inlines if obj else ()

    def get_fieldsets(self, request: HttpRequest, obj: Any = None) -> Any:
        readers = obj is not None and not self.has_change_permission(request, obj)
        return self.readers_fieldsets if readers else super().get_fieldsets(request, obj)

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        form = super().get_form(request, obj, change, **kwargs)
        return type(form.__name__, (form,), {"user": request.user})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """Who may not switch it on (or off) sees the switch but can't move it."""
        may = self.has_disable_permission if obj and obj.enabled else self.has_enable_permission
        return self.readonly_fields if may(request) else (*self.readonly_fields, "enabled")

    def changeform_view(
        self,
        request: HttpRequest,
        object_id: str | None = None,
        form_url: str = "",
        extra_context: Any = None,
    ) -> Any:
        """Without beat's own, which reads every crontab for a script that this theme doesn't use."""
        context = {**(extra_context or {}), **(self.past_of(request, object_id) if object_id else {})}
        return ModelAdmin.changeform_view(self, request, object_id, form_url, context)

    def past_of(self, request: HttpRequest, object_id: str) -> dict[str, Any]:
        schedule = self.get_object(request, object_id)
        if schedule is None:
            return {}
        past = history.past(schedule)
        return {
            "recent_jobs": columns.job_rows(history.recent(schedule.name)),
            "recent_firings": columns.firing_rows(past[:10]),
            "strip": strip.of(past),
            "shipped": shipped.panel(schedule, request.user),
        }

    def save_model(self, request: HttpRequest, obj: PeriodicTask, form: Any, change: bool) -> None:
        """Only what the form changed: beat may have counted a run since the form was opened."""
        if not change and "enabled" not in form.fields:
            obj.enabled = False
            messages.warning(request, _("It is disabled: you may not enable schedules."))
        changed = set(form.changed_data)
        if "rule" in changed:
            rules.give(obj, rules.saved(form.chosen))
            changed |= rules.KINDS.keys()
        if not change:
            obj.save()
            return
        known = {field.name for field in self.opts.concrete_fields}
        obj.save(update_fields=(known & changed) | BOOKKEEPING)


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
    form = CrontabForm
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
