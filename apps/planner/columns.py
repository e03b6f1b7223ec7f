"""What the admin shows of a schedule, as HTML: words, times, badges, links."""

from collections.abc import Iterable
from datetime import datetime, timedelta
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

from apps.jobs import catalog
from apps.jobs.reading import JobView
from apps.jobs.states import State
from apps.planner.history import Past
from apps.schedules import condition, forecasting, pausing, rules, wording
from apps.schedules.models import Streak
from apps.schedules.policies import FiringOutcome
from apps.schedules.rules import RuleError
from apps.schedules.watching import COUNTED as STREAK_COUNTED
from apps.taskforms.summing import summary

TONES: dict[str, str] = {
    State.SUCCESS: "success", State.STARTED: "info", State.RETRY: "warning", State.FAILURE: "danger",
}  # fmt: skip
OUTCOME_TONES: dict[str, str] = {FiringOutcome.FIRED: "success", FiringOutcome.ERROR: "danger"}
NOTHING = "–"
ERROR_LENGTH = 120
UNITS = (  # seconds of one, from how many seconds on
    (86_400, 86_400, gettext_lazy("%d d")),
    (3600, 3600, gettext_lazy("%d h")),
    (60, 120, gettext_lazy("%d min")),
)


@display(description=gettext_lazy("Rule"))
def rule_words(schedule: PeriodicTask) -> str:
    return wording.words(rules.of(schedule))


@display(description=gettext_lazy("Task"), ordering="task")
def task_title(schedule: PeriodicTask) -> SafeString:
    title = catalog.title(schedule.task)
    return format_html('<span title="{}">{}</span>', schedule.task, title)


@display(description=gettext_lazy("Next run"), ordering="timing__next_run_at")
def next_run(schedule: PeriodicTask) -> SafeString | str:
    if not schedule.enabled:
        return format_html('<span class="text-subtle">{}</span>', _("disabled"))
    if why := pausing.words(forecasting.timing_of(schedule)):
        return format_html('<span class="text-subtle" title="{}">{}</span>', why, _("paused"))
    try:
        moment = forecasting.next_run(schedule, now())
    except RuleError as error:
        return never(error)
    if moment is None:
        return _("none to come")
    tag = time_tag(moment, short_clock_text(moment), f"{clock_text(moment)}, {naturaltime(moment)}")
    late = condition.late_by(schedule, now())
    return format_html("{} {}", tag, label(_("late by %s") % span(late), "warning")) if late else tag


@display(description=gettext_lazy("Last run"), ordering="last_run_at")
def last_run(schedule: PeriodicTask) -> SafeString | str:
    return ago(schedule.last_run_at)


@display(description=gettext_lazy("Runs"), ordering="total_run_count")
def runs(schedule: PeriodicTask) -> int:
    return int(schedule.total_run_count)


@display(description=gettext_lazy("Pause"))
def pause(schedule: PeriodicTask) -> str:
    return pausing.words(forecasting.timing_of(schedule)) or NOTHING


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
    words = State(state).label if state in State.values else state
    return label(words, TONES.get(state, ""), job_url(job_id) if job_id else "")


def label(text: Any, tone: str = "", href: str = "") -> SafeString:
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": tone, "href": href})


@display(description=gettext_lazy("Last job"))
def last_outcome(schedule: Any) -> SafeString | str:
    job, streak = schedule.last_job, getattr(schedule, "streak", None)
    shown = badge(job["state"], job["id"]) if job else NOTHING
    return format_html("{} {}", shown, failing(streak)) if streak else shown


def failing(streak: Streak) -> SafeString:
    more = "+" if streak.failures >= STREAK_COUNTED else ""
    return label(_("failing ×%s") % f"{streak.failures}{more}", "danger")


def job_rows(jobs: list[JobView]) -> dict[str, Any]:
    """Jobs as data of Unfold's table component."""
    headers = [_("Job"), _("State"), _("Submitted"), _("Run time"), _("Error")]
    return {"headers": headers, "rows": [job_row(job) for job in jobs]}


def job_row(job: JobView) -> list[Any]:
    error = Truncator(job.error or NOTHING).chars(ERROR_LENGTH)
    return [job_link(job.id), badge(job.state), ago(job.submitted), seconds(job.run_time), error]


def firing_rows(past: Iterable[Past]) -> dict[str, Any]:
    """What became of due times, as data of Unfold's table component."""
    headers = [_("Due"), _("Outcome"), _("Lag"), _("Job"), _("Run time"), _("Note")]
    return {"headers": headers, "rows": [firing_row(one) for one in past]}


def firing_row(past: Past) -> list[Any]:
    firing = past.firing
    lag = f"{firing.lag.total_seconds():.1f} s" if firing.count == 1 else NOTHING
    notes = [firing.note]
    if firing.count > 1:
        notes.append(_("%(count)d due times until %(until)s") % {
            "count": firing.count, "until": clock_text(firing.until or firing.due_at),
        })  # fmt: skip
    if firing.caught_up:
        notes.append(_("caught up: no beat was alive then"))
    outcome = label(firing.get_outcome_display(), OUTCOME_TONES.get(firing.outcome, "warning"))
    job: Any = job_link(firing.job) if firing.job else NOTHING
    if past.state:
        job = format_html("{} {}", job, badge(past.state))
    note = "; ".join(filter(None, notes)) or NOTHING
    return [exact(firing.due_at), outcome, lag, job, seconds(past.run_time), note]


def seconds(value: timedelta | None) -> str:
    return f"{value.total_seconds():.2f} s" if value is not None else NOTHING


def span(value: timedelta) -> str:
    """`75 s`, `12 min`, `3 h`, `2 d`: as much as a badge holds."""
    whole = int(value.total_seconds())
    for size, least, words in UNITS:
        if whole >= least:
            return str(words) % (whole // size)
    return _("%d s") % whole


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
    return summary(task)
