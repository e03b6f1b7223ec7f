"""What a schedule is to the code: the mark in the list, the panel on its page, and the way back."""

from typing import Any

from django.contrib import messages
from django.contrib.admin import display
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.urls import URLPattern, path, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import PeriodicTask
from unfold.contrib.filters.admin import DropdownFilter

from apps.jobs.permissions import may_run
from apps.planner.acting import log
from apps.planner.changes import told
from apps.schedules import reading, shipping
from apps.schedules.differences import Difference
from apps.schedules.models import ShippedSchedule
from apps.schedules.shipping import BadDeclaration, CannotReset, Origin

CHANGE = "django_celery_beat.change_periodictask"
TONES: dict[str, str] = {Origin.CHANGED: "warning", Origin.RETIRED: "info"}
WHAT_RUNS = {"task", "args", "kwargs"}


@display(description=gettext_lazy("From code"))
def from_code(schedule: PeriodicTask) -> SafeString | str:
    found = shipping.origin(schedule)
    if found == Origin.OWN:
        return "–"
    if found == Origin.UNTOUCHED:
        return format_html('<span class="text-subtle">{}</span>', found.label)
    context = {"text": found.label, "type": TONES[found]}
    return render_to_string("unfold/helpers/label.html", context)


class OriginFilter(DropdownFilter):
    title, parameter_name = gettext_lazy("from code"), "origin"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(Origin.choices)

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        """Compared here and not in the database: what ships are dozens, however many schedules there are."""
        origin = self.value()
        if origin == Origin.OWN:
            return queryset.filter(shipped=None)
        if origin not in Origin.values:
            return queryset
        shipped = reading.schedules().filter(shipped__isnull=False).select_related("shipped")
        return queryset.filter(pk__in=[one.pk for one in shipped if shipping.origin(one) == origin])


def panel(schedule: PeriodicTask, user: Any) -> dict[str, Any] | None:
    """What templates/admin/planner/shipped.html shows; None for a schedule that isn't from the code."""
    shipped = shipping.shipped_schedules().filter(periodic_task=schedule.pk).first()
    if shipped is None:
        return None
    found: dict[str, Any] = {"origin": shipping.origin(shipped.periodic_task), "name": shipped.name}
    try:
        differences = shipping.difference(shipped)
    except BadDeclaration as error:
        return {**found, "problem": str(error)}
    headers = [_("Field"), _("In the code"), _("Here")]
    rows = [[one.label, one.old_words, one.new_words] for one in differences]
    may_reset = bool(differences) and user.has_perm(CHANGE)
    return {**found, "table": {"headers": headers, "rows": rows} if rows else None, "may_reset": may_reset}


class Resetting:
    """Mixed into the admin of schedules: a page that asks, and then makes one as the code says."""

    def get_urls(self: Any) -> list[URLPattern]:
        view = self.admin_site.admin_view(self.reset_view)
        own = path("<path:object_id>/reset/", view, name="django_celery_beat_periodictask_reset")
        return [own, *super().get_urls()]  # type: ignore[misc]

    def reset_view(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        schedule = self.get_object(request, object_id)
        if not self.has_change_permission(request, schedule):
            raise PermissionDenied
        if schedule is None:
            return self._get_obj_does_not_exist_redirect(request, self.opts, object_id)  # type: ignore[no-any-return]
        page = reverse("admin:django_celery_beat_periodictask_change", args=[schedule.pk])
        try:
            differences = coming(schedule)
            lacking = rights_lacking(request.user, schedule, differences)
            if request.method == "POST" and lacking:
                raise PermissionDenied
            if request.method == "POST":
                back_to_code(request, schedule)
                return HttpResponseRedirect(page)
        except (BadDeclaration, CannotReset) as error:
            messages.error(request, str(error))
            return HttpResponseRedirect(page)
        context = {
            **self.admin_site.each_context(request), "opts": self.opts, "original": schedule.name,
            "title": _("Reset %(name)s to code?") % {"name": schedule.name}, "schedule": schedule,
            "lacking": lacking, "table": as_table(differences), "empty": not differences,
        }  # fmt: skip
        return TemplateResponse(request, "admin/planner/reset.html", context)


def coming(schedule: PeriodicTask) -> tuple[Difference, ...]:
    """What a reset would change. Raises BadDeclaration."""
    shipped = ShippedSchedule.objects.filter(periodic_task=schedule.pk).first()
    return shipping.difference(shipped) if shipped else ()


def rights_lacking(user: Any, schedule: PeriodicTask, differences: tuple[Difference, ...]) -> list[str]:
    """Why this person may not do it: what the form would refuse, a reset refuses too."""
    found = []
    fields = {one.field.partition(".")[0]: one for one in differences}
    task = fields["task"].old if "task" in fields else schedule.task
    if fields.keys() & WHAT_RUNS and not may_run(user, task):
        found.append(_("You may not run its task, so you can't change what runs."))
    switch = fields.get("enabled")
    if switch and switch.old and not user.has_perm("schedules.enable_schedule"):
        found.append(_("It would be enabled, and you may not enable schedules."))
    if switch and not switch.old and not user.has_perm("schedules.disable_schedule"):
        found.append(_("It would be disabled, and you may not disable schedules."))
    return found


def as_table(differences: tuple[Difference, ...]) -> dict[str, Any]:
    headers = [_("Field"), _("Now"), _("Then")]
    return {"headers": headers, "rows": [[one.label, one.new_words, one.old_words] for one in differences]}


def back_to_code(request: HttpRequest, schedule: PeriodicTask) -> None:
    changes = shipping.reset(schedule)
    if changes:
        log(request, [schedule], _("Reset to code. %s") % told(changes))
    messages.success(request, _("“%s” is as the code says.") % schedule.name)
