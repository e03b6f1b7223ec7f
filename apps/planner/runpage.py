"""The page that asks before a schedule is run by hand, with other arguments if one wants."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest
from django_celery_beat.models import PeriodicTask

from apps.jobs import Call
from apps.jobs.permissions import may_run
from apps.planner import columns, taskarguments
from apps.schedules import forecasting, pausing


class RunPage:
    """Who may not run the task sees its arguments; PermissionDenied is raised if they change them."""

    def __init__(self, schedule: PeriodicTask, request: HttpRequest) -> None:
        self.schedule = schedule
        self.other_call: Call | None = None
        self.stored = taskarguments.stored(schedule)
        may_change = may_run(request.user, schedule.task)
        shown = request.POST.get(taskarguments.SHOWN_TASK)
        if shown is not None and not may_change:
            raise PermissionDenied
        self.outdated = shown is not None and shown != schedule.task
        sent = request.POST if shown is not None and not self.outdated else None
        filled = taskarguments.arguments_form(schedule.task, self.stored, sent)
        self.form = filled if may_change else None

    @property
    def task(self) -> str:
        return columns.task_title(self.schedule)

    @property
    def paused(self) -> str:
        return pausing.words(forecasting.timing_of(self.schedule))

    @property
    def part(self) -> dict[str, object]:
        return taskarguments.part(self.schedule.task, self.form)

    def is_valid(self) -> bool:
        """After it `other_call` has the arguments if they are not the schedule's own."""
        if self.outdated:
            return False
        if self.form is None or self.stored is None or not self.form.is_bound:
            return True
        if not self.form.is_valid():
            return False
        call = taskarguments.call_of(self.form, self.stored)
        self.other_call = None if call == self.stored else call
        return True
