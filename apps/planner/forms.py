"""The forms of schedules and rules: what can't work is refused here, with the reason."""

import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin import HORIZONTAL
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.db import models
from django.utils.text import format_lazy
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import ClockedSchedule, PeriodicTask
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminRadioSelectWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from apps.jobs import Call, catalog
from apps.jobs.orders import PRIORITY_LOWEST
from apps.jobs.permissions import may_run
from apps.planner import ruleline, taskarguments
from apps.planner.jsontext import JsonText
from apps.planner.ruleline import LINE_LENGTH, ZONE_LENGTH
from apps.schedules import rules
from apps.schedules.checking import NO_CONTROL_CHARACTERS, argument_complaints, end_complaints
from apps.schedules.fartimes import is_far
from apps.schedules.rules import Rule, RuleError
from apps.schedules.zones import UnknownZone

AS_FORM, AS_JSON = "form", "json"
CODE = {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false", "class": "switchyard-code"}
# Judged by what they mean: a rule or arguments written in another way are no change.
MEANT = {"rule", "zone", "args", "kwargs", "arguments_as"}
WHAT_RUNS = ("task", "args", "kwargs")


class ScheduleForm(forms.ModelForm[PeriodicTask]):
    """`user` is set by the admin: who may not run a task by hand may not schedule it either."""

    user: AbstractBaseUser | AnonymousUser

    name = forms.CharField(
        max_length=200, validators=[NO_CONTROL_CHARACTERS], widget=UnfoldAdminTextInputWidget
    )
    task = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    description = forms.CharField(
        required=False, widget=UnfoldAdminTextareaWidget(attrs={"class": "max-w-2xl", "rows": 2})
    )
    rule = forms.CharField(
        max_length=LINE_LENGTH, validators=[NO_CONTROL_CHARACTERS], widget=ruleline.RuleInput(CODE)
    )
    zone = forms.CharField(
        required=False,
        max_length=ZONE_LENGTH,
        validators=[NO_CONTROL_CHARACTERS],
        widget=ruleline.ZoneInput(CODE),
    )
    arguments_as = forms.ChoiceField(
        required=False,
        choices=[(AS_FORM, gettext_lazy("Field by field")), (AS_JSON, gettext_lazy("As JSON"))],
        widget=UnfoldAdminRadioSelectWidget(HORIZONTAL),
    )
    arguments = taskarguments.ArgumentsField(required=False)
    args = JsonText(list)
    kwargs = JsonText(dict)
    headers = JsonText(dict)
    queue = forms.ChoiceField(required=False, widget=UnfoldAdminSelectWidget)
    priority = forms.IntegerField(
        required=False, min_value=0, max_value=PRIORITY_LOWEST, widget=UnfoldAdminIntegerFieldWidget
    )

    class Meta:
        model = PeriodicTask
        exclude = ()  # noqa: DJ006 - the admin's fieldsets choose the fields

    class Media:
        js = (forms.Script("switchyard/schedule.js", defer=True),)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.chosen: Rule | None = None
        self.before = rules.of(self.instance)
        for name, (label, help_text) in WORDINGS.items():
            if name in self.fields:
                zone = {"zone": settings.TIME_ZONE}
                self.fields[name].label, self.fields[name].help_text = label, format_lazy(help_text, **zone)
        choices = {"task": list(task_choices(self.user, self.instance.task)), "queue": queue_choices()}
        for name, found in choices.items():
            field = self.fields.get(name)  # a reader's form has none of them
            if isinstance(field, forms.ChoiceField):
                field.choices = found
        if "rule" in self.fields:
            self.show_rule()
            self.show_arguments()

    def show_rule(self) -> None:
        self.initial["rule"], self.initial["zone"] = ruleline.written(self.before)
        self.fields["rule"].widget.zone = self.initial["zone"]

    def show_arguments(self) -> None:
        """Those of the chosen task. What was sent belongs to it unless another one was chosen meanwhile."""
        name = (self.data.get("task") if self.is_bound else self.instance.task) or ""
        self.stored = taskarguments.stored(self.instance) if name == self.instance.task else Call([], {})
        sent = self.data if self.is_bound and self.data.get(taskarguments.SHOWN_TASK) == name else None
        self.call_form = taskarguments.arguments_form(name, self.stored, sent)
        self.initial["arguments_as"] = AS_FORM if self.call_form or not name else AS_JSON
        self.fields["arguments"].widget.part = taskarguments.part(name, self.call_form)

    @property
    def changed_data(self) -> list[str]:
        """Told anew each time: what is chosen becomes known one after the other in `clean`."""
        found = [name for name in super().changed_data if name not in MEANT]
        if self.chosen and (self.before is None or rules.text(self.chosen) != rules.text(self.before)):
            found.append("rule")
        return found + [
            name
            for name in ("args", "kwargs")
            if self.fields[name].has_changed(self.initial.get(name), self.cleaned_data.get(name))
        ]

    def clean_queue(self) -> str | None:
        return self.cleaned_data["queue"] or None

    def clean(self) -> dict[str, Any]:
        super().clean()
        self.check_rule()
        self.take_arguments()
        self.check_end()
        self.check_arguments()
        self.check_right_to_schedule()
        return self.cleaned_data

    def check_rule(self) -> None:
        if not {"rule", "zone"} <= self.cleaned_data.keys():
            return
        given = self.cleaned_data
        try:
            self.chosen = ruleline.read(given["rule"], given["zone"], self.initial["zone"])
        except RuleError as error:
            self.add_error("zone" if error.field == "zone" else "rule", ruleline.sentence(error))
            return
        if self.chosen.kind == "clocked":
            given["one_off"] = True
            touched = {"rule", "enabled"} & set(self.changed_data)
            if touched and self.will_be_enabled() and self.chosen.row.clocked_time <= now():
                self.add_error("rule", _("This time has passed. Choose one to come."))

    def take_arguments(self) -> None:
        """From the task's own fields, unless JSON was chosen."""
        if self.cleaned_data.get("arguments_as") != AS_FORM or not self.cleaned_data.get("task"):
            return
        for name in {"args", "kwargs"} & self.errors.keys():
            del self.errors[name]  # nobody saw them
        form = self.call_form
        if form is None or self.stored is None:
            self.add_error("arguments_as", _("This task's arguments can only be given as JSON."))
        elif not form.is_bound and form.fields:
            self.add_error("arguments_as", _("Another task was chosen: please fill in its arguments."))
        elif form.is_bound and not form.is_valid():
            self.add_error("arguments_as", _("Please correct the arguments below."))
        else:
            call = taskarguments.call_of(form, self.stored)
            self.cleaned_data["args"] = json.dumps(call.args, ensure_ascii=False)
            self.cleaned_data["kwargs"] = json.dumps(call.kwargs, ensure_ascii=False)

    def will_be_enabled(self) -> bool:
        return bool(self.cleaned_data.get("enabled", self.instance.enabled))

    def check_end(self) -> None:
        end, fields = self.cleaned_data.get("expires"), {"start": "start_time", "end": "expires"}
        problems = end_complaints(
            self.cleaned_data.get("start_time"), end, self.cleaned_data.get("expire_seconds")
        )
        for name, problem in problems.items():
            self.add_error(fields.get(name, name), problem)
        if "end" not in problems and end and "expires" in self.changed_data and end <= now():
            self.add_error("expires", _("This time has passed. Choose one to come."))

    def check_arguments(self) -> None:
        """Against the signature and the types of the task; beat would find out only when it runs."""
        name = self.cleaned_data.get("task")
        if name not in catalog.tasks() or not {"args", "kwargs"} <= self.cleaned_data.keys():
            return
        task = catalog.find(name)
        args, kwargs = json.loads(self.cleaned_data["args"]), json.loads(self.cleaned_data["kwargs"])
        as_form = self.cleaned_data.get("arguments_as") == AS_FORM
        for field, problems in argument_complaints(task, args, kwargs).items():
            for problem in problems:
                self.add_error("arguments_as" if as_form else field, problem)

    def check_right_to_schedule(self) -> None:
        task = self.cleaned_data.get("task")
        if task and set(WHAT_RUNS) & set(self.changed_data) and not may_run(self.user, task):
            self.add_error("task", _("You may not run this task, so you can't schedule it."))

    def validate_unique(self) -> None:
        """Django's own check alone: beat's adds a second, worse sentence on the rule."""
        try:
            models.Model.validate_unique(self.instance, exclude=set(rules.KINDS))
        except forms.ValidationError as error:
            self.add_error(None, error)


class RuleForm(forms.ModelForm[Any]):
    """Refuses a rule that would never fire."""

    def clean(self) -> dict[str, Any]:
        super().clean()
        if not self.errors:
            self.check_that_it_fires(self._meta.model(**self.cleaned_data))
        return self.cleaned_data

    def check_that_it_fires(self, row: models.Model) -> None:
        try:
            row.clean_fields()
            rules.build(row)
        except RuleError as error:
            self.add_error(error.field or None, str(error))
        except forms.ValidationError:
            return  # the form checks the same next, and says it


class CrontabForm(RuleForm):
    """Whose zone tzdata no longer has asks for another: a browser would choose the first of the list."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if isinstance(self.instance.timezone, UnknownZone):
            said = _("there is no time zone “%s”: choose another") % self.instance.timezone
            field: Any = self.fields["timezone"]
            field.choices = [("", said), *field.choices]


class ClockedForm(forms.ModelForm[ClockedSchedule]):
    def clean_clocked_time(self) -> Any:
        moment = self.cleaned_data["clocked_time"]
        if is_far(moment):
            raise forms.ValidationError(_("Expected a time before the year 9999."))
        if moment <= now() and "clocked_time" in self.changed_data:
            raise forms.ValidationError(_("This time has passed. Choose one to come."))
        return moment


def task_choices(user: AbstractBaseUser | AnonymousUser, current: str) -> Iterator[tuple[str, Any]]:
    """By family; the tasks that this user may run, and the one the schedule has."""
    families: dict[str, list[tuple[str, str]]] = {}
    for name in catalog.tasks():
        if name == current or may_run(user, name):
            label = f"{catalog.title(name)} · {name}"
            families.setdefault(catalog.family(name).capitalize(), []).append((name, label))
    yield "", _("Choose a task")
    yield from sorted(families.items())
    if current and current not in catalog.tasks():
        own = current.startswith("celery.")
        yield current, (_("%s (Celery's own)") if own else _("%s (not registered here)")) % current


def queue_choices() -> list[tuple[str, str]]:
    names = [queue.name for queue in settings.CELERY_TASK_QUEUES]
    return [("", _("As the task's route says")), *((name, name) for name in names)]


WORDINGS: dict[str, tuple[Any, Any]] = {
    "name": (gettext_lazy("Name"), gettext_lazy("Unique; its jobs are listed under it.")),
    "task": (gettext_lazy("Task"), gettext_lazy("The tasks that you may run.")),
    "description": (gettext_lazy("Description"), gettext_lazy("For people: why it runs.")),
    "enabled": (gettext_lazy("Enabled"), gettext_lazy("Only enabled schedules run by themselves.")),
    "rule": (gettext_lazy("Rule"), gettext_lazy("One line; the examples show how each kind is written.")),
    "zone": (
        gettext_lazy("Time zone"),
        gettext_lazy("Of a crontab, and of a single time without its distance from UTC."),
    ),
    "arguments_as": (gettext_lazy("Fill in"), ""),
    "arguments": (gettext_lazy("Arguments"), ""),
    "one_off": (gettext_lazy("Only one run"), gettext_lazy("Disabled after its next run.")),
    "start_time": (gettext_lazy("Not before"), gettext_lazy("By the clock of {zone}. Empty: from now on.")),
    "expires": (gettext_lazy("End"), gettext_lazy("By the clock of {zone}. Empty: no end.")),
    "expire_seconds": (
        gettext_lazy("Job expires after (seconds)"),
        gettext_lazy("A job that no worker has started by then is dropped. Empty: it waits."),
    ),
    "args": (gettext_lazy("Positional arguments"), gettext_lazy("A JSON list; mostly empty: [].")),
    "kwargs": (
        gettext_lazy("Arguments by name"),
        gettext_lazy("A JSON object of names and values, checked against the task."),
    ),
    "queue": (gettext_lazy("Queue"), gettext_lazy("Workers of this queue run it.")),
    "priority": (
        gettext_lazy("Priority"),
        gettext_lazy("0 is the most urgent, 9 the least. Empty: normal."),
    ),
    "headers": (gettext_lazy("Message headers"), gettext_lazy("A JSON object; rarely needed.")),
}
