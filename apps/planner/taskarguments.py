"""The form of the task's arguments inside the form of its schedule."""

from typing import Any

from django import forms
from django.forms import widgets
from django.template.loader import render_to_string
from django.utils.translation import gettext as _
from django_celery_beat.models import PeriodicTask
from unfold.widgets import CHECKBOX_CLASSES, INPUT_CLASSES, SELECT_CLASSES, TEXTAREA_CLASSES

from apps.jobs import Call, catalog
from apps.jobs.errors import ArgumentError
from apps.planner import columns
from apps.schedules import running
from apps.taskforms.calling import by_name
from apps.taskforms.forms import KEY, ArgumentsForm

PREFIX = "argument"
SHOWN_TASK = "arguments_of"  # tells whose arguments were sent: another task may have been chosen since
DRESSES: tuple[tuple[type[forms.Widget], list[str]], ...] = (
    (widgets.CheckboxSelectMultiple, CHECKBOX_CLASSES),
    (widgets.CheckboxInput, CHECKBOX_CLASSES),
    (widgets.Select, SELECT_CLASSES),
    (widgets.Textarea, TEXTAREA_CLASSES),
    (widgets.Input, INPUT_CLASSES),
)


def stored(schedule: PeriodicTask) -> Call | None:
    """The schedule's arguments; None where they are no JSON."""
    try:
        return running.stored_call(schedule)
    except ArgumentError:
        return None


def arguments_form(task_name: str, call: Call | None, data: Any = None) -> ArgumentsForm | None:
    """Filled with the arguments of `call`; None if the task is not known here, or has no such arguments."""
    task = catalog.tasks().get(task_name)
    if task is None or call is None:
        return None
    form = ArgumentsForm(task, data, PREFIX)
    named = by_name(task, call)
    if named.keys() - form.arguments.keys():
        return None
    form.show(named)
    for field in form.fields.values():
        dress(field.widget)
    return form


def dress(widget: forms.Widget) -> None:
    """As the admin's own fields; a secret stays, hidden by dots, since who edits may see it as JSON too."""
    classes = next((classes for kind, classes in DRESSES if isinstance(widget, kind)), [])
    widget.attrs["class"] = " ".join([*classes, widget.attrs.get("class", "")])
    if isinstance(widget, widgets.PasswordInput):
        widget.render_value = True


def call_of(form: ArgumentsForm, before: Call) -> Call:
    """What a valid form says. What nobody touched stays as it was, defaults that were given included."""
    if not form.changed_data:
        return before
    if form.call.args:
        return form.call
    same = {name for name in form.arguments if KEY + name not in form.changed_data}
    kept = {name: value for name, value in before.kwargs.items() if name in same}
    return Call([], {**form.call.kwargs, **kept})


def part(task_name: str, form: ArgumentsForm | None) -> dict[str, Any]:
    """What the template shows: the form, or why there is none."""
    if form is not None:
        why = ""
    elif not task_name:
        why = _("Choose a task: its arguments appear here.")
    elif task_name not in catalog.tasks():
        why = _("This task is not registered here. Give its arguments as JSON.")
    else:
        why = _("The stored arguments are not those of the task. Correct them as JSON.")
    return {
        "form": form,
        "task": task_name,  # a template would call form.task, and run it
        "why": why,
        "shown_task": SHOWN_TASK,
        "task_help": columns.task_help(PeriodicTask(task=task_name)) if task_name else "",
    }


class ArgumentsPart(forms.Widget):
    """Shows `part`; the script puts that of another task in its place."""

    part: dict[str, Any]

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> Any:
        return render_to_string("admin/planner/arguments_part.html", self.part)

    def id_for_label(self, id_: str | None) -> str:
        return ""


class ArgumentsField(forms.Field):
    """Has no value of its own: the form inside it has."""

    widget = ArgumentsPart

    def has_changed(self, initial: Any, data: Any) -> bool:
        return False
