"""What the admin shows of a schedule, as HTML: words, times, badges, links."""

import json
from datetime import datetime
from typing import Any

from django.contrib.admin import display
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.timezone import localtime, now
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django_celery_beat.models import PeriodicTask
from pydantic.errors import PydanticInvalidForJsonSchema

from apps.jobs import catalog
from apps.jobs.arguments import Parameter, parameters
from apps.jobs.reading import JobView
from apps.jobs.states import State
from apps.schedules import forecasting, rules, wording
from apps.schedules.rules import RuleError

TONES = {"SUCCESS": "success", "STARTED": "info", "RETRY": "warning", "FAILURE": "danger"}
NOTHING = "–"
ERROR_LENGTH = 120


@display(description=gettext_lazy("Rule"))
def rule_words(schedule: PeriodicTask) -> str:
    return wording.words(rules.of(schedule))


@display(description=gettext_lazy("Task"), ordering="task")
def task_title(schedule: PeriodicTask) -> SafeString:
    title = catalog.title(schedule.task)
    return format_html('<span title="{}">{}</span>', schedule.task, title)


@display(description=gettext_lazy("Next run"))
def next_run(schedule: PeriodicTask) -> SafeString | str:
    if not schedule.enabled:
        return format_html('<span class="text-subtle">{}</span>', _("disabled"))
    try:
        moment = forecasting.next_run(schedule, now())
    except RuleError as error:
        return never(error)
    if moment is None:
        return _("none to come")
    return time_tag(moment, short_clock_text(moment), f"{clock_text(moment)}, {naturaltime(moment)}")


@display(description=gettext_lazy("Next runs"))
def next_runs(schedule: PeriodicTask) -> SafeString | str:
    try:
        moments = forecasting.next_runs(schedule, now())
    except RuleError as error:
        return never(error)
    if not moments:
        return _("none to come")
    items = format_html_join("", "<li>{}</li>", ((exact(moment),) for moment in moments))
    note = "" if schedule.enabled else _("It is disabled. Enabled now, it would run at:")
    return format_html('{}<ol class="switchyard-times">{}</ol>', note, items)


@display(description=gettext_lazy("Last run"), ordering="last_run_at")
def last_run(schedule: PeriodicTask) -> SafeString | str:
    return ago(schedule.last_run_at)


@display(description=gettext_lazy("Runs"), ordering="total_run_count")
def runs(schedule: PeriodicTask) -> int:
    return int(schedule.total_run_count)


@display(description=gettext_lazy("Enabled"), boolean=True, ordering="enabled")
def is_enabled(schedule: PeriodicTask) -> bool:
    return bool(schedule.enabled)


def never(error: RuleError) -> SafeString:
    return format_html('<span class="text-red-600" title="{}">{}</span>', error, _("never: bad rule"))


def exact(moment: datetime) -> SafeString:
    """The time itself; how far off it is shows when pointed at."""
    return time_tag(moment, clock_text(moment), naturaltime(moment))


def ago(moment: datetime | None) -> SafeString | str:
    """How long ago; the time itself shows when pointed at."""
    return time_tag(moment, naturaltime(moment), clock_text(moment)) if moment else NOTHING


def time_tag(moment: datetime, text: str, title: str) -> SafeString:
    shape = '<time datetime="{}" title="{}" class="whitespace-nowrap">{}</time>'
    return format_html(shape, moment.isoformat(), title, text)


def clock_text(moment: datetime) -> str:
    # Translators: a date format of Django's; 3 May 2026 09:00:00
    return date_format(localtime(moment), _("j M Y H:i:s"))


def short_clock_text(moment: datetime) -> str:
    """Without the day if that is today, without the year if that is this year."""
    local, today = localtime(moment), localtime()
    if local.date() == today.date():
        return date_format(local, "H:i:s")
    # Translators: date formats of Django's; 3 May 09:00 and 3 May 2026 09:00
    form = _("j M H:i") if local.year == today.year else _("j M Y H:i")
    return date_format(local, form)


def job_url(job_id: str) -> str:
    """The job's page; "" for an id that no page can have."""
    try:
        return reverse("console:job", args=[job_id])
    except NoReverseMatch:
        return ""


def badge(state: str, job_id: str = "") -> SafeString:
    label = State(state).label if state in State.values else state
    context = {"text": label, "type": TONES.get(state, ""), "href": job_url(job_id) if job_id else ""}
    return render_to_string("unfold/helpers/label.html", context)


@display(description=gettext_lazy("Last job"))
def last_outcome(schedule: Any) -> SafeString | str:
    job = schedule.last_job
    return badge(job["state"], job["id"]) if job else NOTHING


def job_rows(jobs: list[JobView]) -> dict[str, Any]:
    """Jobs as data of Unfold's table component."""
    headers = [_("Job"), _("State"), _("Submitted"), _("Run time"), _("Error")]
    return {"headers": headers, "rows": [job_row(job) for job in jobs]}


def job_row(job: JobView) -> list[Any]:
    seconds = f"{job.run_time.total_seconds():.2f} s" if job.run_time else NOTHING
    error = Truncator(job.error or NOTHING).chars(ERROR_LENGTH)
    return [job_link(job.id), badge(job.state), ago(job.submitted), seconds, error]


def job_links(job_ids: list[str]) -> SafeString:
    return format_html_join(", ", "{}", ((job_link(job_id),) for job_id in job_ids))


def job_link(job_id: str) -> SafeString | str:
    url, short = job_url(job_id), job_id[:8]
    if not url:
        return short
    return format_html('<a href="{}" title="{}" class="text-link">{}</a>', url, job_id, short)


@display(description=gettext_lazy("What the task takes"))
def task_help(schedule: PeriodicTask) -> SafeString | str:
    """What the task says of itself, and its arguments with their types and defaults."""
    task = catalog.tasks().get(schedule.task)
    if task is None:
        return _("No task of this name is registered here.")
    rows = (
        (name, type_words(parameter), _("required") if parameter.required else default(parameter))
        for name, parameter in parameters(task).items()
    )
    items = format_html_join("", "<li><code>{}</code> {} · {}</li>", rows)
    shape = '<div class="switchyard-text">{}</div><ul class="switchyard-list">{}</ul>'
    return format_html(shape, catalog.description(task), items)


def type_words(parameter: Parameter) -> str:
    """`string`, `integer | null`, or the values to choose from: as JSON calls them."""
    if parameter.adapter is None:
        return _("any value")
    try:
        schema = parameter.adapter.json_schema()
    except PydanticInvalidForJsonSchema:
        return _("any value")
    parts = schema.get("anyOf", [schema])
    return " | ".join(one_type(part) for part in parts)


def one_type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(json.dumps(value) for value in schema["enum"])
    return str(schema.get("type") or _("any value"))


def default(parameter: Parameter) -> str:
    return _("by default %s") % json.dumps(parameter.default, default=str, ensure_ascii=False)
