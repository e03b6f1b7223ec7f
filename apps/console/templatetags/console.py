"""Filters that put a job's figures into words."""

import json
from datetime import datetime, timedelta
from typing import Any

from django import template
from django.utils import timezone
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timesince import timesince, timeuntil
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.jobs import catalog
from apps.jobs.reading import JobView
from apps.jobs.reading.counting import Count
from apps.jobs.reading.reasons import sentence
from apps.jobs.states import Outcome, Source
from apps.schedules.condition import COUNTED

register = template.Library()

SHOWN_CHARACTERS = 50_000
LINE_CHARACTERS = 80
NAMED = 3
MINUTE, HOUR, DAY = 60, 3600, 86_400
TONES: dict[str, str] = {
    Outcome.RUNNING: "started",
    Outcome.SUCCESS: "success",
    Outcome.FAILURE: "failure",
    Outcome.RETRY: "retry",
    Outcome.SNOOZED: "held",
    Outcome.REVOKED: "revoked",
    Outcome.WORKER_LOST: "failure",
}
ROUNDED = 10  # seconds: from here on tenths say nothing


@register.filter
def task_title(name: str) -> str:
    return catalog.title(name) or _("Unknown task")


@register.filter
def duration(value: timedelta | None) -> str:
    """`3 ms`, `4.2 s`, `12 s`, `3 min 20 s`, `2 h 5 min`, `3 d 4 h`."""
    if value is None:
        return ""
    seconds = max(0.0, value.total_seconds())
    if seconds < 1:
        return _("%d ms") % (seconds * 1000)
    if seconds < MINUTE:
        return _("%s s") % (f"{seconds:.1f}" if seconds < ROUNDED else f"{seconds:.0f}")
    whole = round(seconds)
    if whole < HOUR:
        return _("%(minutes)d min %(seconds)d s") % {"minutes": whole // MINUTE, "seconds": whole % MINUTE}
    if whole < DAY:
        return _("%(hours)d h %(minutes)d min") % {"hours": whole // HOUR, "minutes": whole % HOUR // MINUTE}
    return _("%(days)d d %(hours)d h") % {"days": whole // DAY, "hours": whole % DAY // HOUR}


@register.filter
def ago(moment: datetime | None) -> str:
    if moment is None:
        return ""
    if timezone.now() - moment < timedelta(minutes=1):
        return _("just now")
    return _("%s ago") % timesince(moment, depth=1)


@register.filter
def ahead(moment: datetime | None) -> str:
    if moment is None:
        return ""
    left = moment - timezone.now()
    if left < timedelta(minutes=1):
        return _("in a moment")
    return _("in %s") % timeuntil(moment, depth=1)


@register.filter
def time_left(seconds: int | None) -> str:
    """A guess, so in round figures."""
    if seconds is None:
        return ""
    if seconds < MINUTE:
        return ngettext("about %d second left", "about %d seconds left", seconds) % seconds
    minutes, hours = round(seconds / MINUTE), round(seconds / HOUR)
    if minutes < MINUTE:
        return ngettext("about %d minute left", "about %d minutes left", minutes) % minutes
    return ngettext("about %d hour left", "about %d hours left", hours) % hours


@register.filter
def pretty(value: Any) -> str:
    """JSON as text to show, cut where it would make the page heavy."""
    text = value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False, default=str)
    text = printable(text)
    if len(text) <= SHOWN_CHARACTERS:
        return text
    return text[:SHOWN_CHARACTERS] + _("\n… %(count)d characters more") % {
        "count": len(text) - SHOWN_CHARACTERS
    }


@register.filter
def printable(text: str | None) -> str:
    """A lone surrogate, which JSON allows, can't be sent as UTF-8."""
    return (text or "").encode("utf-8", "backslashreplace").decode()


@register.filter
def inline(value: Any) -> str:
    """The value on one line, "" when it doesn't fit on one."""
    text = value if isinstance(value, str) and value else json.dumps(value, ensure_ascii=False, default=str)
    return printable(text) if len(text) <= LINE_CHARACTERS and "\n" not in text else ""


@register.filter
def outcome(job: JobView) -> str:
    """What became of the job in one line."""
    if job.error or not job.ended or job.result is None:
        return printable(job.error)
    text = job.result if isinstance(job.result, str) else json.dumps(job.result, ensure_ascii=False)
    return printable(text)


@register.filter
def reason(job: JobView) -> str:
    return sentence(job)


@register.filter
def by(job: JobView) -> str:
    """Who handed it in, or through which door it came."""
    return job.submitter or source_word(job.source)


@register.filter
def source_word(source: str) -> str:
    return str(Source(source).label) if source in Source.values else source


@register.filter
def bounded(number: Count) -> str:
    return f"{number.number}+" if number.more else str(number.number)


@register.filter
def at_most(number: int) -> str:
    return f"{COUNTED}+" if number > COUNTED else str(number)


@register.filter
def names(found: list[tuple[int, str]]) -> str:
    """The first few, and how many there are besides."""
    shown = ", ".join(name for _pk, name in found[:NAMED])
    return shown if len(found) <= NAMED else _("%(names)s and others") % {"names": shown}


@register.filter
def when(moment: datetime, precision: str = "seconds") -> SafeString:
    """In the site's time zone, which shows when pointed at."""
    local = timezone.localtime(moment)
    shown = local.replace(tzinfo=None).isoformat(" ", precision)
    shape = '<time datetime="{}" title="{} {}">{}</time>'
    return format_html(shape, local.isoformat(), shown, local.tzname(), shown)


@register.filter
def outcome_word(found: str) -> str:
    return str(Outcome(found).label) if found in Outcome.values else found


@register.filter
def outcome_tone(found: str) -> str:
    return TONES.get(found, "neutral")
