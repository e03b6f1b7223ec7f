"""Parts of a schedule's form that the page asks for while one types; nothing is written."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.urls import URLPattern, path
from django.utils.decorators import method_decorator
from django.utils.timezone import now
from django.views.decorators.http import require_safe
from django_celery_beat.models import PeriodicTask

from apps.jobs import Call
from apps.jobs.permissions import may_run
from apps.planner import previewing, taskarguments


class FormParts:
    """Mixed into the admin of schedules."""

    def get_urls(self: Any) -> list[URLPattern]:
        guarded = self.admin_site.admin_view
        return [
            path("preview/", guarded(self.preview_view), name="schedules_preview"),
            path("arguments/", guarded(self.arguments_view), name="schedules_arguments"),
            *super().get_urls(),  # type: ignore[misc]
        ]

    @method_decorator(require_safe)
    def preview_view(self, request: HttpRequest) -> HttpResponse:
        """`?rule=&zone=&start_time_0=…&reader=&pk=`: when the schedule would run."""
        found = previewing.preview(request.GET, self.asked_schedule(request), now())
        return TemplateResponse(request, "admin/planner/preview.html", {"preview": found})

    @method_decorator(require_safe)
    def arguments_view(self, request: HttpRequest) -> HttpResponse:
        """`?task=&pk=`: the task's arguments to fill in, as the schedule has them if it is its task."""
        schedule = self.asked_schedule(request)
        name = request.GET.get("task", "")
        is_own = bool(name) and name == schedule.task
        if name and not is_own and not may_run(request.user, name):
            raise PermissionDenied
        call = taskarguments.stored(schedule) if is_own else Call()
        part = taskarguments.part(name, taskarguments.arguments_form(name, call))
        return TemplateResponse(request, "admin/planner/arguments.html", part)

    def asked_schedule(self: Any, request: HttpRequest) -> PeriodicTask:
        """The one that is edited, or a new one."""
        pk = request.GET.get("pk", "")
        may_look = self.has_view_or_change_permission(request)
        if not (may_look or (not pk and self.has_add_permission(request))):
            raise PermissionDenied
        if not pk:
            return PeriodicTask()
        schedule = self.get_object(request, pk)
        if schedule is None:
            raise Http404
        return schedule
