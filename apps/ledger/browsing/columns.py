"""What stands in the lists and on the pages."""

import json
from datetime import timedelta
from typing import Any

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.template.loader import render_to_string
from django.urls import NoReverseMatch, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from apps.jobs import catalog
from apps.jobs.reading.rows import lines_of
from apps.jobs.states import State
from apps.ledger.browsing.lists import NOTHING

LINKS_MOST = 200
TONES = {"SUCCESS": "success", "STARTED": "info", "RETRY": "warning", "FAILURE": "danger"}


def moment_column(field: str, title: Any) -> Any:
    """The time in the reader's zone; how long ago it was shows when pointed at."""

    @admin.display(description=title, ordering=field)
    def show(row: Any) -> SafeString | str:
        return moment(getattr(row, field))

    return staticmethod(show)


def json_column(field: str, title: Any) -> Any:
    """A value of the row: text as it is, all else as indented JSON."""

    @admin.display(description=title)
    def show(row: Any) -> SafeString | str:
        return block(getattr(row, field))

    return staticmethod(show)


def moment(value: Any) -> SafeString | str:
    if value is None:
        return NOTHING
    exact = date_format(localtime(value), _("j M Y H:i:s"))
    shape = '<time datetime="{}" title="{}" class="whitespace-nowrap">{}</time>'
    return format_html(shape, value.isoformat(), naturaltime(value), exact)


def block(value: Any) -> SafeString | str:
    if value is None or value == "":
        return NOTHING
    text = value if isinstance(value, str) else json.dumps(value, indent=2, default=str, ensure_ascii=False)
    return format_html('<pre class="switchyard-pre">{}</pre>', text)


def seconds(value: timedelta | None) -> str:
    return NOTHING if value is None else f"{value.total_seconds():.2f} s"


def label(text: Any, tone: str = "") -> SafeString:
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": tone})


def state_label(state: str) -> Any:
    return State(state).label if state in State.values else state


def state_badge(state: str) -> SafeString:
    return label(state_label(state), TONES.get(state, ""))


def task_title(name: str | None) -> str:
    return catalog.title(name) if name else _("unknown")


def schedule_link(name: str | None) -> SafeString | str:
    page = reverse("admin:django_celery_beat_periodictask_changelist", query={"q": name or ""})
    return format_html('<a href="{}">{}</a>', page, name) if name else NOTHING


def job_links(ids: list[str]) -> SafeString | str:
    """Each with its state, read in one query; the first LINKS_MOST of them."""
    shown = ids[:LINKS_MOST]
    known = {line.id: line for line in lines_of(shown)}
    rows = [
        (
            job_link(job_id, job_id[:8]),
            task_title(line.task if line else ""),
            state_label(line.state if line else ""),
        )
        for job_id, line in ((job_id, known.get(job_id)) for job_id in shown)
    ]
    items = format_html_join("", "<li>{} · {} · {}</li>", rows)
    return format_html('<ul class="switchyard-list">{}</ul>', items) if rows else NOTHING


def job_link(job_id: str, text: str) -> SafeString | str:
    """To the job's page; plain text for an id that no page can have."""
    try:
        url = reverse("console:job", args=[job_id])
    except NoReverseMatch:
        return text or NOTHING
    return format_html('<a href="{}" title="{}" class="text-link">{}</a>', url, job_id, text)
