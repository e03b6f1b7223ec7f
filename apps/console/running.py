"""The run form: a task's arguments, and how the job shall run."""

from datetime import timedelta
from typing import Any, cast

from django import forms
from django.conf import settings
from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.jobs import Job, acting, reading, submit
from apps.jobs.acting import KeyTaken, NotRetryable
from apps.jobs.arguments import AnyTask
from apps.jobs.errors import ArgumentError, JobError
from apps.jobs.orders import PRIORITY_DEFAULT, PRIORITY_LOWEST, Options, Order
from apps.jobs.reading import JobView
from apps.jobs.states import Source
from apps.jobs.uniqueness import written
from apps.taskforms.calling import by_name
from apps.taskforms.forms import ArgumentsForm
from apps.taskforms.wording import lost_secrets

WAYS_IN_WORDS = {
    "until_finished": gettext_lazy("One job until it has ended"),
    "while_waiting": gettext_lazy("One job that waits"),
    "latest": gettext_lazy("The newest job takes the place of the one that waits"),
    "for_period": gettext_lazy("One job in %(key_for)s"),
    "debounce": gettext_lazy("Begins after %(debounce)s without another one"),
}
UNITS = {"seconds": 1, "minutes": 60, "hours": 3600, "days": 86_400}


def amount(label: Any, initial: int | None = None) -> forms.IntegerField:
    return forms.IntegerField(label=label, min_value=0, max_value=10**9, initial=initial, required=False)


class OrderForm(forms.Form):
    """When, where and how urgently. After `is_valid`, `options` are those of `submit`."""

    prefix = "order"
    priority = forms.TypedChoiceField(
        label=gettext_lazy("Priority"), coerce=int, initial=PRIORITY_DEFAULT, required=False
    )
    queue = forms.ChoiceField(label=gettext_lazy("Queue"), required=False)
    delay = amount(gettext_lazy("Start in"), initial=0)
    unit = forms.ChoiceField(label=gettext_lazy("Unit"), initial="minutes", required=False)
    expires = amount(gettext_lazy("Give up after"))
    expires_unit = forms.ChoiceField(label=gettext_lazy("Unit"), initial="hours", required=False)
    tags = forms.CharField(label=gettext_lazy("Tags, with commas"), max_length=2000, required=False)
    key = forms.CharField(label=gettext_lazy("Key"), max_length=255, required=False)

    def __init__(self, data: QueryDict | None = None, earlier: JobView | None = None) -> None:
        super().__init__(data, initial=how_it_ran(earlier) if earlier else None)
        self.options: Options = {}
        words = {0: _("0, first"), PRIORITY_DEFAULT: _("5, usual"), PRIORITY_LOWEST: _("9, last")}
        units = [
            ("seconds", _("seconds")), ("minutes", _("minutes")), ("hours", _("hours")), ("days", _("days")),
        ]  # fmt: skip
        choices = {
            "priority": [(level, words.get(level, str(level))) for level in range(PRIORITY_LOWEST + 1)],
            "unit": units,
            "expires_unit": units,
            "queue": [("", _("as its route says")), *((name, name) for name in queue_names())],
        }
        for name, found in choices.items():
            self.fields[name].choices = found  # type: ignore[attr-defined]

    def clean(self) -> dict[str, Any]:
        chosen = self.cleaned_data
        priority = chosen.get("priority")
        options: dict[str, Any] = {
            "priority": PRIORITY_DEFAULT if priority in (None, "") else priority,
            "delay": span(chosen.get("delay"), chosen.get("unit")),
            "expires": span(chosen.get("expires"), chosen.get("expires_unit")),
            "queue": chosen.get("queue") or None,
            "tags": [tag.strip() for tag in chosen.get("tags", "").split(",") if tag.strip()],
            "key": chosen.get("key", ""),
        }
        try:
            Order.of(options)
        except ArgumentError as error:
            for name, problem in error.problems.items():
                self.add_error(name, problem)
        self.options = cast("Options", options)
        return chosen


class RunForm:
    """Both forms as one; with an `earlier` job of the task, it is that one which is run again."""

    def __init__(self, task: AnyTask, data: QueryDict | None = None, earlier: JobView | None = None) -> None:
        self.task = task
        self.earlier = earlier if earlier and earlier.task == task.name else None
        self.arguments = ArgumentsForm(task, data)
        self.order = OrderForm(data, self.earlier)

    @property
    def hidden(self) -> tuple[str, ...]:
        """Arguments of the earlier job that are not shown; as they stand, they mean what they meant."""
        return self.earlier.redacted if self.earlier else ()

    @property
    def unique(self) -> str:
        """What the task declares of its key, in words; "" for nothing."""
        names: Any = getattr(self.task, "unique_key", None)
        if names is None:
            return ""
        rule = Order.of(written(self.task)).rule
        scope = _("for each %(names)s") % {"names": ", ".join(names)} if names else _("of this task")
        spans = {name: getattr(self.task, name) for name in ("key_for", "debounce")}
        return f"{WAYS_IN_WORDS[rule.kind]}, {scope}" % {name: span or "" for name, span in spans.items()}

    def fill(self, query: QueryDict) -> None:
        """From the earlier job, and from `?argument=value`."""
        call = reading.details(self.earlier).call if self.earlier else None
        if call:
            self.arguments.show(by_name(self.task, call))
        self.arguments.show_query(query)

    def submit(self, by: str) -> Job | None:
        """The job; None when something is wrong, which the forms then show."""
        if not all([self.arguments.is_valid(), self.order.is_valid()]):
            return None
        try:
            return self.hand_in(by)
        except ArgumentError as error:
            self.arguments.complain(error.problems)
        except JobError as error:
            secretive = self.hidden and isinstance(error, NotRetryable) and not isinstance(error, KeyTaken)
            self.arguments.add_error(None, lost_secrets(self.hidden) if secretive else str(error))
        return None

    def hand_in(self, by: str) -> Job:
        call = self.arguments.call
        if self.earlier and self.earlier.ended and self.earlier.submitted:
            again: Options = {**self.order.options, "source": Source.PAGE}
            return acting.retry(self.earlier.id, args=call.args, kwargs=call.kwargs, by=by, **again)
        options: Options = {**self.order.options, "source": Source.PAGE, "submitter": by}
        return submit(self.task, args=call.args, kwargs=call.kwargs, **options)


def how_it_ran(job: JobView) -> dict[str, Any]:
    """What a job is run again with, if nobody says otherwise."""
    return {
        "priority": PRIORITY_DEFAULT if job.priority is None else job.priority,
        "queue": job.queue if job.queue in queue_names() else "",
        "tags": ", ".join(job.tags),
    }


def queue_names() -> list[str]:
    return [queue.name for queue in settings.CELERY_TASK_QUEUES]


def span(number: int | None, unit: str | None) -> timedelta | None:
    """Whatever is too long for a timedelta is too long anyway."""
    return timedelta(seconds=min(number * UNITS[unit or "minutes"], 10**10)) if number else None
