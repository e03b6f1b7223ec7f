"""The forms of schedules and rules: what can't work is refused here, with the reason."""

import json
from collections.abc import Iterator
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser
from django.core.validators import RegexValidator
from django.db import models
from django.utils.timezone import now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import ClockedSchedule, PeriodicTask
from unfold.widgets import (
    UnfoldAdminIntegerFieldWidget,
    UnfoldAdminSelectWidget,
    UnfoldAdminTextareaWidget,
    UnfoldAdminTextInputWidget,
)

from apps.jobs import catalog
from apps.jobs.arguments import as_json, parameters
from apps.jobs.errors import ArgumentError
from apps.jobs.permissions import may_run
from apps.jobs.submitting import PRIORITY_LOWEST
from apps.schedules import rules
from apps.schedules.rules import Rule, RuleError

NO_CONTROL_CHARACTERS = RegexValidator(
    r"[\x00-\x1f\x7f]", gettext_lazy("Expected text without control characters."), inverse_match=True
)
WHAT_RUNS = ("task", "args", "kwargs")


class JsonText(forms.CharField):
    """Text that must be JSON of one type, kept as text because beat's column is."""

    widget = UnfoldAdminTextareaWidget(attrs={"class": "switchyard-json", "rows": 4})

    def __init__(self, kind: type[list[Any] | dict[str, Any]], **options: Any) -> None:
        super().__init__(required=False, strip=True, **options)
        self.kind = kind

    def clean(self, value: Any) -> str:
        text = super().clean(value) or json.dumps(self.kind())
        try:
            found = json.loads(text)
        except ValueError as error:
            raise forms.ValidationError(_("Expected JSON: %s") % error) from None
        if not isinstance(found, self.kind):
            example = '["a", 1]' if self.kind is list else '{"name": "value"}'
            raise forms.ValidationError(_("Expected JSON such as %s.") % example)
        return json.dumps(found, ensure_ascii=False)

    def prepare_value(self, value: Any) -> Any:
        """Readable JSON in the form; what isn't JSON is shown as it is."""
        found = self.plain(value)
        if isinstance(found, str):
            return value
        return json.dumps(found, indent=2 if found else None, ensure_ascii=False)

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Another layout of the same JSON is no change."""
        return bool(self.plain(initial) != self.plain(data))

    def plain(self, text: Any) -> Any:
        try:
            return json.loads(text) if text else self.kind()
        except (TypeError, ValueError):
            return text


class ScheduleForm(forms.ModelForm[PeriodicTask]):
    """`user` is set by the admin: who may not run a task by hand may not schedule it either."""

    user: AbstractBaseUser | AnonymousUser

    name = forms.CharField(
        max_length=200, validators=[NO_CONTROL_CHARACTERS], widget=UnfoldAdminTextInputWidget
    )
    task = forms.ChoiceField(widget=UnfoldAdminSelectWidget)
    description = forms.CharField(required=False, widget=UnfoldAdminTextareaWidget(attrs={"rows": 2}))
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

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, wording in WORDINGS.items():
            if name in self.fields:
                self.fields[name].label, self.fields[name].help_text = wording
        choices = {"task": list(task_choices(self.user, self.instance.task)), "queue": queue_choices()}
        for name, found in choices.items():
            field = self.fields.get(name)  # a reader's form has none of them
            if isinstance(field, forms.ChoiceField):
                field.choices = found

    def clean_queue(self) -> str | None:
        return self.cleaned_data["queue"] or None

    def clean(self) -> dict[str, Any]:
        super().clean()
        self.check_rule()
        self.check_end()
        self.check_arguments()
        self.check_right_to_schedule()
        return self.cleaned_data

    def check_rule(self) -> None:
        chosen = [Rule(kind, row) for kind in rules.KINDS if (row := self.cleaned_data.get(kind))]
        if not chosen and not any(kind in self.errors for kind in rules.KINDS):
            self.add_error(None, _("Choose when it runs: an interval, a crontab, a time or the sun."))
        if len(chosen) > 1:
            for rule in chosen:
                self.add_error(rule.kind, _("Choose one of these, not %d.") % len(chosen))
        if len(chosen) == 1:
            self.check_chosen(chosen[0])

    def check_chosen(self, rule: Rule) -> None:
        try:
            rules.build(rule.row)
        except RuleError as error:
            self.add_error(rule.kind, str(error))
        if rule.kind == "clocked":
            self.cleaned_data["one_off"] = True
            touched = {"clocked", "enabled"} & set(self.changed_data)
            if touched and self.will_be_enabled() and rule.row.clocked_time <= now():
                self.add_error("clocked", _("This time has passed. Choose one to come."))

    def will_be_enabled(self) -> bool:
        return bool(self.cleaned_data.get("enabled", self.instance.enabled))

    def check_end(self) -> None:
        start, end = self.cleaned_data.get("start_time"), self.cleaned_data.get("expires")
        if end and self.cleaned_data.get("expire_seconds") is not None:
            self.add_error("expire_seconds", _("Give an end or a time limit for each job, not both."))
        if end and start and end <= start:
            self.add_error("expires", _("The end comes before the start."))
        elif end and "expires" in self.changed_data and end <= now():
            self.add_error("expires", _("This time has passed. Choose one to come."))

    def check_arguments(self) -> None:
        """Against the signature and the types of the task; beat would find out only when it runs."""
        name = self.cleaned_data.get("task")
        if name not in catalog.tasks() or not {"args", "kwargs"} <= self.cleaned_data.keys():
            return
        task = catalog.find(name)
        args, kwargs = json.loads(self.cleaned_data["args"]), json.loads(self.cleaned_data["kwargs"])
        try:
            as_json(task, args, kwargs)
        except ArgumentError as error:
            positional = {*list(parameters(task))[: len(args)], "" if args else None} - kwargs.keys()
            for argument, expected in error.problems.items():
                field = "args" if argument in positional else "kwargs"
                self.add_error(field, f"{argument}: {expected}" if argument else expected)

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


class ClockedForm(forms.ModelForm[ClockedSchedule]):
    def clean_clocked_time(self) -> Any:
        moment = self.cleaned_data["clocked_time"]
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


WORDINGS = {
    "name": (gettext_lazy("Name"), gettext_lazy("Unique; its jobs are listed under it.")),
    "task": (gettext_lazy("Task"), gettext_lazy("The tasks that you may run.")),
    "description": (gettext_lazy("Description"), gettext_lazy("For people: why it runs.")),
    "enabled": (gettext_lazy("Enabled"), gettext_lazy("Only enabled schedules run by themselves.")),
    "interval": (gettext_lazy("Interval"), gettext_lazy("Every so many seconds, minutes, hours, days.")),
    "crontab": (gettext_lazy("Crontab"), gettext_lazy("At minutes, hours and days of a time zone.")),
    "clocked": (gettext_lazy("Once"), gettext_lazy("At one time; then the schedule is disabled.")),
    "solar": (gettext_lazy("Sun"), gettext_lazy("At sunrise, sunset or another event at a place.")),
    "one_off": (gettext_lazy("Only one run"), gettext_lazy("Disabled after its next run.")),
    "start_time": (gettext_lazy("Not before"), gettext_lazy("Empty: from now on.")),
    "expires": (gettext_lazy("End"), gettext_lazy("From then on it no longer runs. Empty: no end.")),
    "expire_seconds": (
        gettext_lazy("Job expires after (seconds)"),
        gettext_lazy("A job that no worker has started by then is dropped. Empty: it waits."),
    ),
    "args": (gettext_lazy("Positional arguments"), gettext_lazy("A JSON list; mostly empty: [].")),
    "kwargs": (
        gettext_lazy("Arguments"),
        gettext_lazy("A JSON object of names and values, checked against the task."),
    ),
    "queue": (gettext_lazy("Queue"), gettext_lazy("Workers of this queue run it.")),
    "priority": (
        gettext_lazy("Priority"),
        gettext_lazy("0 is the most urgent, 9 the least. Empty: normal."),
    ),
    "headers": (gettext_lazy("Message headers"), gettext_lazy("A JSON object; rarely needed.")),
}
