"""Celery's own results in the admin."""

from django.contrib import admin
from django.utils.safestring import SafeString
from django.utils.translation import gettext_lazy
from django_celery_results import admin as results_admin
from django_celery_results.models import GroupResult, TaskResult

from apps.jobs.states import FINISHED
from apps.ledger.browsing import columns, mirror
from apps.ledger.browsing.columns import job_link, json_column, moment_column
from apps.ledger.browsing.lists import (
    NOTHING,
    ReadOnlyAdmin,
    choices_filter,
    values_filter,
)


class ResultAdmin(ReadOnlyAdmin, results_admin.TaskResultAdmin):
    empty_words = gettext_lazy("No job has left a result yet.")
    heavy = ("task_args", "task_kwargs", "result", "traceback", "meta")
    list_display = ("title", "state", "job", "submitted", "run_time", "worker", "schedule")
    list_filter = (
        choices_filter(gettext_lazy("state"), "status"),
        values_filter(gettext_lazy("task"), "task_name"),
        values_filter(gettext_lazy("worker"), "worker"),
        values_filter(gettext_lazy("schedule"), "periodic_task_name"),
    )
    date_hierarchy = "date_created"
    ordering = ("-date_created",)
    search_fields = ("task_id__startswith", "task_name__icontains", "task_kwargs__icontains")
    search_help_text = gettext_lazy("Job id, task or arguments")
    fieldsets = (
        (None, {"fields": (("title", "state"), ("job", "schedule"), "task_id", "task_name", "error")}),
        (gettext_lazy("Arguments"), {"fields": ("arguments", "positional_arguments")}),
        (gettext_lazy("Result"), {"fields": ("pretty_result", "traceback_text")}),
        (
            gettext_lazy("Run"),
            {"fields": (("submitted", "started"), ("finished", "run_time"), "worker", "children")},
        ),
    )
    submitted = moment_column("date_created", gettext_lazy("Submitted"))
    started = moment_column("date_started", gettext_lazy("Started"))
    traceback_text = json_column("traceback", gettext_lazy("Traceback"))

    @admin.display(description=gettext_lazy("Task"), ordering="task_name")
    def title(self, row: TaskResult) -> str:
        return columns.task_title(row.task_name)

    @admin.display(description=gettext_lazy("State"), ordering="status")
    def state(self, row: TaskResult) -> SafeString:
        return columns.state_badge(row.status)

    @admin.display(description=gettext_lazy("Job"))
    def job(self, row: TaskResult) -> SafeString | str:
        return job_link(row.task_id, row.task_id[:8])

    @admin.display(description=gettext_lazy("Ended"), ordering="date_done")
    def finished(self, row: TaskResult) -> SafeString | str:
        return columns.moment(row.date_done if row.status in FINISHED else None)

    @admin.display(description=gettext_lazy("Run time"))
    def run_time(self, row: TaskResult) -> str:
        ended = row.status in FINISHED and row.date_started
        return columns.seconds(row.date_done - row.date_started if ended else None)

    @admin.display(description=gettext_lazy("Schedule"), ordering="periodic_task_name")
    def schedule(self, row: TaskResult) -> SafeString | str:
        return columns.schedule_link(row.periodic_task_name)

    @admin.display(description=gettext_lazy("Error"))
    def error(self, row: TaskResult) -> str:
        return mirror.error(row) or NOTHING

    @admin.display(description=gettext_lazy("Arguments"))
    def arguments(self, row: TaskResult) -> SafeString | str:
        return columns.block(mirror.arguments(row))

    @admin.display(description=gettext_lazy("Positional arguments"))
    def positional_arguments(self, row: TaskResult) -> SafeString | str:
        return columns.block(mirror.positional_arguments(row))

    @admin.display(description=gettext_lazy("Result"))
    def pretty_result(self, row: TaskResult) -> SafeString | str:
        return columns.block(mirror.result(row))

    @admin.display(description=gettext_lazy("Jobs it started"))
    def children(self, row: TaskResult) -> SafeString | str:
        return columns.job_links(mirror.children(row))


class GroupAdmin(ReadOnlyAdmin, results_admin.GroupResultAdmin):
    empty_words = gettext_lazy("No group has been kept yet.")
    list_display = ("group_id", "jobs", "submitted")
    date_hierarchy = "date_created"
    ordering = ("-date_created",)
    search_fields = ("group_id__startswith",)
    fieldsets = ((None, {"fields": ("group_id", "submitted", "members")}),)
    submitted = moment_column("date_created", gettext_lazy("Submitted"))

    @admin.display(description=gettext_lazy("Jobs"))
    def jobs(self, row: GroupResult) -> int:
        return len(mirror.members(row))

    @admin.display(description=gettext_lazy("Jobs"))
    def members(self, row: GroupResult) -> SafeString | str:
        return columns.job_links(mirror.members(row))
