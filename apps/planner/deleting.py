"""Deleting a schedule asks with the consequence, and offers to disable it instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib.admin.utils import model_ngettext
from django.http import HttpRequest
from django.template.response import TemplateResponse
from django.urls import reverse
from django_celery_beat.models import PeriodicTask

from apps.jobs import reading
from apps.jobs.states import FINISHED
from apps.schedules.models import Firing, ShippedSchedule

NAMES_SHOWN = 100


@dataclass(frozen=True)
class Consequences:
    """What deleting these schedules means. `to_disable` are the keys of those that are on."""

    count: int
    firings: int
    jobs: int
    unfinished: int
    shipped: int
    to_disable: list[int]


def consequences(schedules: Sequence[PeriodicTask], user: Any) -> Consequences:
    jobs = reading.rows(schedule__in=[schedule.name for schedule in schedules])
    may_disable = user.has_perm("schedules.disable_schedule")
    return Consequences(
        count=len(schedules),
        firings=Firing.objects.filter(schedule__in=schedules).count(),
        jobs=jobs.count(),
        unfinished=jobs.exclude(state__in=FINISHED).count(),
        shipped=ShippedSchedule.objects.filter(periodic_task__in=schedules, retired=False).count(),
        to_disable=[schedule.pk for schedule in schedules if schedule.enabled and may_disable],
    )


class Deleting:
    """Mixed into the admin of schedules."""

    delete_confirmation_template = "admin/planner/delete.html"
    delete_selected_confirmation_template = "admin/planner/delete_selected.html"

    def get_deleted_objects(self: Any, objs: Any, request: HttpRequest) -> Any:
        """The names alone: a schedule's firings can be many thousands, and are told as a number."""
        found = list(objs)
        names = [schedule.name for schedule in found[:NAMES_SHOWN]]
        names += ["…"] if len(found) > NAMES_SHOWN else []
        lacking = set() if self.has_delete_permission(request) else {str(self.opts.verbose_name)}
        return names, {str(model_ngettext(self.opts, len(found))): len(found)}, lacking, []

    def delete_view(self: Any, request: HttpRequest, object_id: str, extra_context: Any = None) -> Any:
        response = super().delete_view(request, object_id, extra_context)  # type: ignore[misc]
        if isinstance(response, TemplateResponse) and response.context_data:
            self.explain(request, response.context_data, [response.context_data["object"]])
        return response

    def response_action(self: Any, request: HttpRequest, queryset: Any) -> Any:
        response = super().response_action(request, queryset)  # type: ignore[misc]
        context = getattr(response, "context_data", None)
        if isinstance(response, TemplateResponse) and context and "deletable_objects" in context:
            self.explain(request, context, list(context["queryset"]))
        return response

    def explain(self, request: HttpRequest, context: dict[str, Any], schedules: list[PeriodicTask]) -> None:
        context["consequences"] = consequences(schedules, request.user)
        context["list_url"] = reverse("admin:django_celery_beat_periodictask_changelist")
