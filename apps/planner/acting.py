"""What the admin does to schedules: run now, enable, disable; each needs its own permission."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import action as bulk_action
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.html import format_html
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_celery_beat.models import PeriodicTask
from unfold.decorators import action

from apps.jobs import Call, Job
from apps.jobs.errors import JobError
from apps.jobs.orders import Options
from apps.jobs.states import Source
from apps.planner import columns
from apps.planner.runpage import RunPage
from apps.schedules import pausing, running, switching

RIGHTS = {
    "run_tasks": "run", "enable_tasks": "enable", "disable_tasks": "disable",
    "pause_tasks": "pause", "resume_tasks": "pause",
}  # fmt: skip
RUN_LIMIT = 500
LINKS_LIMIT = 10


class ScheduleActions:
    """Mixed into the admin of schedules. The names of the bulk actions are django-celery-beat's."""

    actions = tuple(RIGHTS)
    actions_row = actions_detail = ("run_schedule",)

    def has_run_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("schedules.run_schedule")

    def has_enable_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("schedules.enable_schedule")

    def has_disable_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("schedules.disable_schedule")

    def has_pause_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("schedules.pause_schedule")

    def response_action(self, request: HttpRequest, queryset: Any) -> Any:
        """A person without the right doesn't see the action; whoever asks for it anyway gets 403."""
        for name in request.POST.getlist("action"):
            if name in RIGHTS and not getattr(self, f"has_{RIGHTS[name]}_permission")(request):
                raise PermissionDenied
        return super().response_action(request, queryset)  # type: ignore[misc]

    @action(  # type: ignore[untyped-decorator]
        description=gettext_lazy("Run now"), url_path="run", permissions=["run"], icon="play_arrow"
    )
    def run_schedule(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        """Asks first: a link is followed with GET, which must change nothing."""
        if not self.has_view_permission(request):
            raise PermissionDenied
        schedule = self.get_object(request, object_id)
        if schedule is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        page = RunPage(schedule, request)
        if request.method == "POST" and page.is_valid():
            run_all(request, [schedule], page.other_call)
            url = reverse("admin:django_celery_beat_periodictask_change", args=[schedule.pk])
            return HttpResponseRedirect(url)
        context = {
            **self.admin_site.each_context(request),
            "title": _("Run %(name)s now?") % {"name": schedule.name},
            "opts": self.opts,
            "original": schedule.name,
            "schedule": schedule,
            "page": page,
        }
        return TemplateResponse(request, "admin/planner/run.html", context)

    @bulk_action(description=gettext_lazy("Run now"), permissions=["run"])
    def run_tasks(self, request: HttpRequest, queryset: Any) -> None:
        schedules = list(queryset[: RUN_LIMIT + 1])
        if len(schedules) > RUN_LIMIT:
            messages.error(request, _("Choose at most %d schedules to run at once.") % RUN_LIMIT)
        else:
            run_all(request, schedules)

    @bulk_action(description=gettext_lazy("Enable"), permissions=["enable"])
    def enable_tasks(self, request: HttpRequest, queryset: Any) -> None:
        off = list(queryset.filter(enabled=False))
        count = switching.enable(queryset)
        on = set(PeriodicTask.objects.filter(pk__in=[s.pk for s in off], enabled=True).values_list("pk"))
        log(request, [s for s in off if (s.pk,) in on], _("Enabled."))
        said = ngettext("%d schedule was enabled.", "%d schedules were enabled.", count) % count
        messages.success(request, said)
        if len(off) > count:
            left = len(off) - count
            text = ngettext(
                "%d stayed off: its time has passed.", "%d stayed off: their time has passed.", left
            )
            messages.warning(request, text % left)

    @bulk_action(description=gettext_lazy("Disable"), permissions=["disable"])
    def disable_tasks(self, request: HttpRequest, queryset: Any) -> None:
        on = list(queryset.filter(enabled=True))
        count = switching.disable(queryset)
        log(request, on, _("Disabled."))
        said = ngettext("%d schedule was disabled.", "%d schedules were disabled.", count) % count
        messages.success(request, said)

    @bulk_action(description=gettext_lazy("Pause"), permissions=["pause"])
    def pause_tasks(self, request: HttpRequest, queryset: Any) -> None:
        found = list(queryset.filter(timing__paused_at=None))
        count = pausing.pause(queryset, by=request.user.get_username())
        log(request, found, _("Paused."))
        messages.success(
            request, ngettext("%d schedule was paused.", "%d schedules were paused.", count) % count
        )

    @bulk_action(description=gettext_lazy("Resume"), permissions=["pause"])
    def resume_tasks(self, request: HttpRequest, queryset: Any) -> None:
        found = list(queryset.filter(timing__paused_at__isnull=False))
        count = pausing.resume(queryset)
        log(request, found, _("Resumed."))
        messages.success(request, ngettext("%d schedule goes on.", "%d schedules go on.", count) % count)


def run_all(request: HttpRequest, schedules: list[PeriodicTask], call: Call | None = None) -> None:
    """With the arguments of `call`, if there is one, in place of their own."""
    started: list[Job] = []
    who: Options = {"source": Source.ADMIN, "submitter": request.user.get_username()}
    for schedule in schedules:
        try:
            started.append(running.run_now(schedule, call, **who))
            log(request, [schedule], _("Run now with other arguments.") if call else _("Run now."))
        except JobError as error:
            messages.error(request, f"{schedule.name}: {error}")
    if started:
        count = len(started)
        said = ngettext("%d job was started:", "%d jobs were started:", count) % count
        links = columns.job_links([job.id for job in started[:LINKS_LIMIT]])
        messages.success(request, format_html("{} {}", said, links))


def log(request: HttpRequest, schedules: list[PeriodicTask], message: str) -> None:
    """Into the history that each schedule's page shows."""
    LogEntry.objects.log_actions(
        user_id=request.user.pk or 0, queryset=schedules, action_flag=CHANGE, change_message=message
    )
