from collections.abc import Callable
from typing import Any

from django.contrib import admin, messages
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _t
from django.utils.translation import gettext_lazy as _
from unfold.admin import ModelAdmin
from unfold.decorators import display

from apps.email.models import Mailing, MailTemplate, Message, State
from apps.email.posting import SEND, mark_as_sent, send_again
from apps.email.substituting import substitute
from apps.jobs.permissions import may_run
from apps.jobs.states import Source

COLOURS = {"queued": "info", "sending": "info", "sent": "success", "done": "success",
           "failed": "danger", "unsure": "warning"}  # fmt: skip


class HistoryAdmin(ModelAdmin):
    """Rows that only jobs write."""

    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER
    date_hierarchy = "created"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    @display(description=_("state"), label=COLOURS, ordering="state")  # type: ignore[untyped-decorator]
    def badge(self, row: Any) -> tuple[str, str]:
        return row.state, row.get_state_display()

    @admin.display(description=_("job"))
    def job(self, row: Any) -> str:
        return link("console:job", row.job_id, row.job_id) if row.job_id else "–"


@admin.register(Message)
class MessageAdmin(HistoryAdmin):
    list_display = ("subject", "to", "badge", "attempts", "mailing", "created", "sent_at")
    list_filter = ("state", "created")
    list_select_related = ("mailing",)
    search_fields = ("to", "subject", "job_id", "idempotency_key", "message_id")
    fields = ("state", "error", "to", "reply_to", "subject", "text_view", "html_view", "eml_file", "job",
              "mailing", "template", "attempts", "created", "sent_at", "message_id",
              "idempotency_key")  # fmt: skip
    readonly_fields = ("text_view", "html_view", "eml_file", "job")
    actions = ("send_these_again", "mark_these_as_sent")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Message]:
        rows: QuerySet[Message] = super().get_queryset(request)
        return rows.defer("text", "html")

    @admin.display(description=_("text"))
    def text_view(self, row: Message) -> SafeString:
        return format_html("<pre>{}</pre>", row.text)

    @admin.display(description=_("HTML"))
    def html_view(self, row: Message) -> str:
        return frame(row.html)

    @admin.display(description=_(".eml file"))
    def eml_file(self, row: Message) -> str:
        return link("email:eml", row.pk, row.eml.name) if row.eml.name else "–"

    def has_send_permission(self, request: HttpRequest) -> bool:
        return may_run(request.user, SEND)

    @admin.action(description=_("Send again"), permissions=["send"])
    def send_these_again(self, request: HttpRequest, rows: QuerySet[Message]) -> None:
        who = request.user.get_username()
        self.decide(request, rows, lambda row: send_again(row, source=Source.ADMIN, submitter=who))

    @admin.action(description=_("Mark as sent"), permissions=["send"])
    def mark_these_as_sent(self, request: HttpRequest, rows: QuerySet[Message]) -> None:
        who = request.user.get_username()
        self.decide(request, rows, lambda row: mark_as_sent(row, who))

    def decide(self, request: HttpRequest, rows: QuerySet[Message], act: Callable[[Message], bool]) -> None:
        """Row by row, so that one which can't go is no reason to hold back the others."""
        done, left = 0, 0
        for row in rows.filter(state__in=[State.FAILED, State.UNSURE]):
            changed = act(row)
            done, left = done + changed, left + (not changed)
        words = _t("%(done)d done, %(left)d left as they were") % {"done": done, "left": left}
        self.message_user(request, words, messages.SUCCESS if done else messages.WARNING)


@admin.register(MailTemplate)
class MailTemplateAdmin(ModelAdmin):
    list_display = ("name", "subject", "wants", "updated")
    search_fields = ("name", "subject")
    fields = ("name", "subject", "text", "html", "wants", "sample", "preview", "html_preview")
    readonly_fields = ("wants", "preview", "html_preview")

    @admin.display(description=_("preview"))
    def preview(self, row: MailTemplate) -> SafeString:
        words = f"{filled(row, row.subject)}\n\n{filled(row, row.text)}"
        return format_html("<pre>{}</pre>", words)

    @admin.display(description=_("HTML preview"))
    def html_preview(self, row: MailTemplate) -> str:
        return frame(filled(row, row.html, html=True))


@admin.register(Mailing)
class MailingAdmin(HistoryAdmin):
    list_display = ("__str__", "badge", "total", "outcome", "created", "finished_at")
    list_filter = ("state", "created")
    list_per_page = 20  # each is counted
    search_fields = ("subject", "template", "job_id")
    fields = ("subject", "template", "state", "total", "outcome", "duplicates", "messages", "job", "created",
              "finished_at")  # fmt: skip
    readonly_fields = ("outcome", "messages", "job")

    @admin.display(description=_("outcome"))
    def outcome(self, row: Mailing) -> str:
        return ", ".join(f"{count} {State(state).label}" for state, count in row.counts.items() if count)

    @admin.display(description=_("messages"))
    def messages(self, row: Mailing) -> SafeString:
        url = reverse("admin:email_message_changelist") + f"?mailing__id__exact={row.pk}"
        return format_html('<a href="{}">{}</a>', url, _t("show them"))


def link(name: str, argument: Any, text: str) -> str:
    try:
        return format_html('<a href="{}">{}</a>', reverse(name, args=[argument]), text)
    except NoReverseMatch:
        return text


def frame(html: str) -> str:
    """Someone else's HTML, where it can run nothing, fetch no page of ours and send no form."""
    if not html:
        return "–"
    return format_html(
        '<iframe sandbox srcdoc="{}" title="{}" width="100%" height="400"></iframe>', html, _t("HTML")
    )


def filled(template: MailTemplate, text: str, *, html: bool = False) -> str:
    try:
        values = {name: f"«{name}»" for name in template.variables} | template.sample
        return substitute(text, values, html=html)
    except ValueError as error:
        return str(error)
