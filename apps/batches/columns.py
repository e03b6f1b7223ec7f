"""What the admin shows of a batch, as HTML."""

import json
from typing import Any

from django.contrib import admin
from django.contrib.humanize.templatetags.humanize import naturaltime
from django.db.models import Count
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from unfold.contrib.filters.admin import DropdownFilter

from apps.batches.counting import Counts
from apps.batches.models import Batch, Standing
from apps.batches.reading import UNCLOSED, in_state, progress, state

NOTHING = "–"
TONES = {"succeeded": "success", "failed": "danger", "open": "info"}


class StateFilter(DropdownFilter):
    title = gettext_lazy("state")
    parameter_name = "state"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        states = [(value or "open", label) for value, label in Standing.choices]
        return [*states, (UNCLOSED, _("open, not closed"))]

    def queryset(self, request: HttpRequest, queryset: Any) -> Any:
        asked = self.value()
        return in_state(queryset, asked) if asked else queryset


def moment_column(field: str, title: Any) -> Any:
    """How long ago; the time in the reader's zone shows when pointed at."""

    @admin.display(description=title, ordering=field)
    def show(row: Any) -> SafeString | str:
        value = getattr(row, field)
        if value is None:
            return NOTHING
        exact = date_format(localtime(value), _("j M Y H:i:s"))
        return format_html(
            '<time datetime="{}" title="{}">{}</time>', value.isoformat(), exact, naturaltime(value)
        )

    return staticmethod(show)


def state_badge(batch: Batch) -> SafeString:
    found = state(batch)
    text = str(Standing(batch.outcome).label)
    if found == "open" and (batch.cancelled_at or not batch.closed_at):
        text = _("being cancelled") if batch.cancelled_at else _("open, not closed")
    return render_to_string("unfold/helpers/label.html", {"text": text, "type": TONES.get(found, "")})


def progress_bar(counts: Counts) -> SafeString:
    """A bar, and the same in words."""
    bar = '<progress class="switchyard-bar{}" max="100" value="{}" aria-hidden="true"></progress> {}'
    return format_html(bar, " is-failing" if counts.failed else "", counts.percent, progress(counts))


def member_links(batch: Batch) -> SafeString | str:
    """To the list of jobs, for each state that members are in."""
    rows = batch.members.order_by("state").values_list("state").annotate(Count("job_id"))
    page = reverse("admin:jobs_job_changelist")
    links = [(f"{page}?batch={batch.pk}:{now or 'open'}", count, Standing(now).label) for now, count in rows]
    return format_html_join(", ", '<a href="{}" class="text-link">{} {}</a>', links) or NOTHING


def batch_link(batch_id: int, text: str) -> SafeString:
    page = reverse("admin:batches_batch_change", args=[batch_id])
    return format_html('<a href="{}" class="text-link">{}</a>', page, text)


def json_text(value: Any) -> SafeString | str:
    if not value:
        return NOTHING
    text = json.dumps(value, indent=2, ensure_ascii=False)
    return format_html('<pre class="switchyard-pre">{}</pre>', text)
