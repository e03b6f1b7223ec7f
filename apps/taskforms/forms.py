"""The form of one task's arguments."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from apps.jobs import Call
from apps.jobs.arguments import AnyTask
from apps.jobs.catalog import description
from apps.jobs.errors import ArgumentError
from apps.taskforms import docstrings
from apps.taskforms.arguments import Argument, argument_of
from apps.taskforms.building import make_room
from apps.taskforms.calling import all_parameters, arranged

# An argument may be called `errors` or `fields`, which templates would find instead of the form's own.
KEY = "argument:"


class ArgumentsForm(forms.Form):
    """One field per argument of the task. After `is_valid`, `call` is what to submit.

    A `prefix` keeps its names apart from those of another form on the page.
    """

    def __init__(self, task: AnyTask, data: QueryDict | None = None, prefix: str | None = None) -> None:
        super().__init__(data, prefix=prefix)
        self.task = task
        self.call = Call([], {})
        known = all_parameters(task)
        self.help = docstrings.read(description(task), {name.lstrip("*") for name in known})
        self.arguments: dict[str, Argument] = {}
        for name, parameter in known.items():
            self.arguments[name] = argument_of(parameter, self.help.arguments.get(name.lstrip("*"), ""))
            self.fields[KEY + name] = self.arguments[name].field
            make_room(self.arguments[name].field, self.data.get(self.add_prefix(name)))

    def add_prefix(self, field_name: str) -> str:
        name = field_name.removeprefix(KEY)
        return f"{self.prefix}-{name}" if self.prefix else name

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
