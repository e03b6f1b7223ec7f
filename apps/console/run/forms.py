"""The whole form of one task: its arguments, and how the job shall run."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.console.run import docstrings
from apps.console.run.arguments import Argument, argument_of
from apps.console.run.building import make_room
from apps.console.run.calling import all_parameters, arranged, by_name
from apps.jobs import Order, Submission, reading, submit
from apps.jobs.arguments import AnyTask
from apps.jobs.catalog import description
from apps.jobs.errors import ArgumentError, NotSubmitted
from apps.jobs.reading import Call
from apps.jobs.submitting import PRIORITY_DEFAULT, PRIORITY_LOWEST

# An argument may be called `errors` or `fields`, which templates would find instead of the form's own.
KEY = "argument:"
UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}


class ArgumentsForm(forms.Form):
    """One field per argument of the task. After `is_valid`, `call` is what to submit."""

    def __init__(self, task: AnyTask, data: QueryDict | None = None) -> None:
        super().__init__(data)
        self.task = task
        self.call = Call([], {})
        known = all_parameters(task)
        self.help = docstrings.read(description(task), {name.lstrip("*") for name in known})
        self.arguments: dict[str, Argument] = {}
        for name, parameter in known.items():
            self.arguments[name] = argument_of(parameter, self.help.arguments.get(name.lstrip("*"), ""))
            self.fields[KEY + name] = self.arguments[name].field
            make_room(self.arguments[name].field, self.data.get(name))

    def add_prefix(self, field_name: str) -> str:
        return field_name.removeprefix(KEY)

    def show(self, values: Mapping[str, Any]) -> None:
        """Fills the form with the arguments of an earlier job."""
        for name, value in values.items():
            if name in self.arguments:
                self.arguments[name].show(value)

    def show_query(self, query: QueryDict) -> None:
        """Fills the form from a link: `?argument=value`."""
        for name, argument in self.arguments.items():
            if name in query:
                argument.show_text([str(text) for text in query.getlist(name)])

    def clean(self) -> dict[str, Any]:
        given = {
            name: argument.value(self.cleaned_data[KEY + name])
            for name, argument in self.arguments.items()
            if KEY + name in self.cleaned_data
            and argument.is_given(self.cleaned_data[KEY + name], self[KEY + name].data)
        }
        for name, value in given.items():
            self.complain(self.arguments[name].problems(value))
        try:
            self.call = arranged(self.task, given)
        except ArgumentError as error:
            self.complain(error.problems)
        return self.cleaned_data

    def complain(self, problems: Mapping[str, str]) -> None:
        """Each problem at its field; those that have none at the top."""
        for name, problem in problems.items():
            if name not in self.arguments:
                self.add_error(None, f"{name}: {problem}" if name else problem)
            elif KEY + name not in self.errors:
                self.add_error(KEY + name, problem)


class OrderForm(forms.Form):
    """When, where and how urgently."""

    prefix = "order"
    priority = forms.TypedChoiceField(
        label=gettext_lazy("Priority"), coerce=int, initial=PRIORITY_DEFAULT, required=False
    )
    queue = forms.ChoiceField(label=gettext_lazy("Queue"), required=False)
    delay = forms.IntegerField(
        label=gettext_lazy("Start in"), min_value=0, max_value=10**9, initial=0, required=False
    )
    unit = forms.ChoiceField(label=gettext_lazy("Unit"), initial="minutes", required=False)

    def __init__(self, data: QueryDict | None = None) -> None:
        super().__init__(data)
        self.order = Order()
        names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
        words = {0: _("0, first"), PRIORITY_DEFAULT: _("5, usual"), PRIORITY_LOWEST: _("9, last")}
        choices = {
            "priority": [(level, words.get(level, str(level))) for level in range(PRIORITY_LOWEST + 1)],
            "unit": [
                ("seconds", _("seconds")), ("minutes", _("minutes")),
                ("hours", _("hours")), ("days", _("days")),
            ],
            "queue": [("", _("as its route says")), *((name, name) for name in names)],
        }  # fmt: skip
        for name, found in choices.items():
            self.fields[name].choices = found  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        chosen = self.cleaned_data
        seconds = (chosen.get("delay") or 0) * UNITS[chosen.get("unit") or "minutes"]
        priority = chosen.get("priority")
        try:
            self.order = Order(
                priority=PRIORITY_DEFAULT if priority in (None, "") else priority,
                delay=timedelta(seconds=min(seconds, 10**10)),
                queue=chosen.get("queue") or None,
            )
        except ArgumentError as error:
            for name, problem in error.problems.items():
                self.add_error(name, problem)
        return chosen


class RunForm:
    """Both forms as one."""

    def __init__(self, task: AnyTask, data: QueryDict | None = None) -> None:
        self.task = task
        self.arguments = ArgumentsForm(task, data)
        self.order = OrderForm(data)

    def fill(self, query: QueryDict) -> None:
        """From `?argument=value`, and from an earlier job of the task with `?from-job=<id>`."""
        earlier = reading.find(str(query.get("from-job", "")))
        call = reading.details(earlier).call if earlier and earlier.task == self.task.name else None
        if call:
            self.arguments.show(by_name(self.task, call))
        self.arguments.show_query(query)

    def submit(self) -> Submission | None:
        """The job; None when something is wrong, which the forms then show."""
        if not all([self.arguments.is_valid(), self.order.is_valid()]):
            return None
        call = self.arguments.call
        try:
            return submit(self.task, args=call.args, kwargs=call.kwargs, order=self.order.order)
        except ArgumentError as error:
            self.arguments.complain(error.problems)
        except NotSubmitted as error:
            self.arguments.add_error(None, _("The job was not handed in: %(why)s") % {"why": error})
        return None
