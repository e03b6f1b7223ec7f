"""What happened, who is told of it, and the jobs that came of it."""

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.text import Truncator
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.jobs.models import Event, Job
from apps.ledger.browsing import columns
from apps.ledger.browsing.columns import json_column, moment_column
from apps.ledger.browsing.lists import NOTHING, ReadOnlyAdmin, values_filter
from apps.messaging.envelopes import jobs_of
from apps.messaging.models import Subscription

FACTS_LENGTH = 160
JOBS_SHOWN = 50


class EventAdmin(ReadOnlyAdmin):
    empty_words = gettext_lazy("Nothing has happened that is worth telling.")
    list_display = ("topic", "when", "facts_line", "state", "jobs")
    list_filter = (
        values_filter(gettext_lazy("topic"), "topic"),
        ("published_at", admin.EmptyFieldListFilter),
    )
    date_hierarchy = "occurred_at"
    ordering = ("-occurred_at", "-id")
    search_fields = ("topic__startswith", "facts__icontains")
    search_help_text = gettext_lazy("The beginning of a topic, or anything in the facts")
    fields = (("topic", "when"), "facts_text", "key", "sent", "caused")
    when = moment_column("occurred_at", gettext_lazy("When"))
    sent = moment_column("published_at", gettext_lazy("Sent"))
    facts_text = json_column("facts", gettext_lazy("Facts"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("Facts"))
    def facts_line(self, row: Event) -> str:
        said = ", ".join(f"{name}: {value}" for name, value in row.facts.items())
        return Truncator(said).chars(FACTS_LENGTH) or NOTHING

    @admin.display(description=gettext_lazy("State"), ordering="published_at")
    def state(self, row: Event) -> SafeString:
        return columns.label(_("sent"), "success") if row.published_at else columns.label(_("waits"))

    @admin.display(description=gettext_lazy("Jobs"))
    def jobs(self, row: Event) -> SafeString:
        page = reverse("admin:jobs_job_changelist", query={"q": jobs_of(row.pk)})
        return format_html('<a href="{}" class="text-link">{}</a>', page, _("its jobs"))

    @admin.display(description=gettext_lazy("Jobs"))
    def caused(self, row: Event) -> SafeString | str:
        found = Job.objects.filter(id__startswith=jobs_of(row.pk)).order_by("id")
        return columns.job_links(list(found.values_list("id", flat=True)[:JOBS_SHOWN]))


class SubscriptionAdmin(ReadOnlyAdmin):
    empty_words = gettext_lazy("No app subscribes to events; or no recorder has run since one does.")
    list_display = ("name", "pattern", "title", "condition", "started", "jobs")
    list_filter = (("gone_at", admin.EmptyFieldListFilter),)
    search_fields = ("name__startswith", "task__startswith")
    search_help_text = gettext_lazy("The beginning of a name or of a task's name")
    fields = (("name", "condition"), ("pattern", "queue"), "task", ("started", "gone"), "jobs")
    started = moment_column("since", gettext_lazy("Since"))
    gone = moment_column("gone_at", gettext_lazy("Gone"))

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @admin.display(description=gettext_lazy("Task"), ordering="task")
    def title(self, row: Subscription) -> str:
        return columns.task_title(row.task)

    @admin.display(description=gettext_lazy("State"), ordering="gone_at")
    def condition(self, row: Subscription) -> SafeString:
        """What is to be done about one that is gone is a command."""
        if row.gone_at is None:
            return columns.label(_("listens"), "success")
        command = f"manage.py queue delete {row.queue}"
        return format_html("{} <code>{}</code>", columns.label(_("gone from the code"), "warning"), command)

    @admin.display(description=gettext_lazy("Jobs"))
    def jobs(self, row: Subscription) -> SafeString:
        page = reverse("admin:jobs_job_changelist", query={"task": row.task})
        return format_html('<a href="{}" class="text-link">{}</a>', page, _("its jobs"))
