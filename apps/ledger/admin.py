"""The engine's history in the admin: the ledger, dead letters, workers, effects, events, Celery's results."""

import logging
from collections import Counter
from typing import Any

from django.contrib import admin, messages
from django.http import HttpRequest
from django.utils.html import format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django_celery_results.models import GroupResult, TaskResult

from apps.gate import looking
from apps.jobs import acting, letters
from apps.jobs.errors import JobError
from apps.jobs.models import DeadLetter, Effect, Event, Job, Worker
from apps.jobs.permissions import may_run
from apps.jobs.reading.rows import HEAVY
from apps.jobs.reading.tries import tries
from apps.jobs.state import redis_error
from apps.jobs.states import Outcome
from apps.ledger.browsing import bodies, columns
from apps.ledger.browsing.columns import job_link, json_column, moment_column
from apps.ledger.browsing.events import EventAdmin, SubscriptionAdmin
from apps.ledger.browsing.lists import (
    NOTHING,
    ReadOnlyAdmin,
    choices_filter,
    values_filter,
)
from apps.ledger.browsing.members import BatchFilter, batch_of
from apps.ledger.browsing.results import GroupAdmin, ResultAdmin
from apps.messaging.models import Subscription

logger = logging.getLogger(__name__)

CANCELLED_MOST = 500  # jobs that one click cancels
SENT_MOST = 500  # letters that one click sends again: the person waits for it

admin.site.unregister([TaskResult, GroupResult])
admin.site.register(TaskResult, ResultAdmin)
admin.site.register(GroupResult, GroupAdmin)
admin.site.register(Event, EventAdmin)
admin.site.register(Subscription, SubscriptionAdmin)


class JobColumns:
    """What rows with a task, a state and a job's id have in common."""

    @admin.display(description=gettext_lazy("Task"), ordering="task")
    def title(self, row: Any) -> str:
        return columns.task_title(row.task)

    @admin.display(description=gettext_lazy("Job"))
    def job(self, row: Any) -> SafeString | str:
        return job_link(row.job_id, row.job_id[:8])


@admin.register(Job)
class JobAdmin(JobColumns, ReadOnlyAdmin):
    empty_words = gettext_lazy("No job has been submitted yet.")
    list_display = ("title", "badge", "job", "submitted", "ran", "by", "error_line")
    list_filter = (
        choices_filter(gettext_lazy("state"), "state"),
        values_filter(gettext_lazy("task"), "task"),
        values_filter(gettext_lazy("schedule"), "schedule"),
        BatchFilter,
    )
    date_hierarchy = "submitted_at"
    ordering = ("-submitted_at", "-id")
    search_fields = ("id__startswith", "key__exact")
    search_help_text = gettext_lazy("The beginning of a job's id, or its key")
    fieldsets = (
        (None, {"fields": (("title", "badge"), ("job", "reason"), "id", "task", "error", "note")}),
        (gettext_lazy("Arguments"), {"fields": ("named", "positional", "redacted")}),
        (gettext_lazy("Result"), {"fields": ("outcome", "attempted")}),
        (
            gettext_lazy("Run"),
            {
                "fields": (
                    ("queue", "priority"),
                    ("submitted", "published"),
                    ("not_before", "expires"),
                    ("first_started", "started"),
                    ("finished", "attempts"),
                    ("waited", "ran"),
                    "instance",
                )
            },
        ),
        (
            gettext_lazy("Origin"),
            {
                "fields": (
                    ("source", "submitter"),
                    ("schedule", "key"),
                    "tags",
                    ("parent", "root"),
                    ("group", "retry_of"),
                    "batch",
                )
            },
        ),
    )
    heavy = HEAVY
    actions = ("cancel",)
    submitted = moment_column("submitted_at", gettext_lazy("Submitted"))
    published = moment_column("published_at", gettext_lazy("Published"))
    first_started = moment_column("first_started_at", gettext_lazy("First started"))
    started = moment_column("started_at", gettext_lazy("Started"))
    finished = moment_column("finished_at", gettext_lazy("Ended"))
    not_before = moment_column("eta", gettext_lazy("Not before"))
    expires = moment_column("expires_at", gettext_lazy("Expires"))
    named = json_column("kwargs", gettext_lazy("Arguments"))
    positional = json_column("args", gettext_lazy("Positional arguments"))
    outcome = json_column("result", gettext_lazy("Result"))

    @admin.display(description=gettext_lazy("State"), ordering="state")
    def badge(self, row: Job) -> SafeString:
        return columns.state_badge(row.state)

    @admin.display(description=gettext_lazy("Job"))
    def job(self, row: Job) -> SafeString | str:
        return job_link(row.id, row.id[:8])

    @admin.display(description=gettext_lazy("Run time"))
    def ran(self, row: Job) -> str:
        return columns.seconds(row.run_time)

    @admin.display(description=gettext_lazy("Wait time"))
    def waited(self, row: Job) -> str:
        return columns.seconds(row.wait_time)

    @admin.display(description=gettext_lazy("By"))
    def by(self, row: Job) -> SafeString | str:
        if row.schedule:
            return columns.schedule_link(row.schedule)
        return row.submitter or str(row.get_source_display())

    @admin.display(description=gettext_lazy("Batch"))
    def batch(self, row: Job) -> SafeString | str:
        return batch_of(row.id)

    @admin.display(description=gettext_lazy("Error"))
    def error_line(self, row: Job) -> str:
        return row.error[:100] or NOTHING

    @admin.display(description=gettext_lazy("Attempts"))
    def attempted(self, row: Job) -> SafeString | str:
        shown = [
            (found.number, Outcome(found.outcome).label, found.error or NOTHING) for found in tries(row.id)
        ]
        return format_html_join("", "<p>{} · {} · {}</p>", shown) or NOTHING

    def has_cancel_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("running.cancel_job")

    @admin.action(description=gettext_lazy("Cancel"), permissions=["cancel"])
    def cancel(self, request: HttpRequest, rows: Any) -> None:
        """Those that wait end at once; those that run are asked to end."""
        counts: Counter[str] = Counter()
        for job_id in rows.values_list("id", flat=True)[:CANCELLED_MOST]:
            try:
                counts[acting.cancel(job_id, by=request.user.get_username()).outcome] += 1
            except JobError as error:
                self.message_user(request, str(error), messages.ERROR)
                break
        said = _("%(cancelled)d cancelled, %(asked)d asked to end, %(ended)d had ended.")
        words = {name: counts[name] for name in ("cancelled", "asked", "ended")}
        self.message_user(request, said % words, messages.SUCCESS)


@admin.register(DeadLetter)
class DeadLetterAdmin(JobColumns, ReadOnlyAdmin):
    empty_words = gettext_lazy("No message has died.")
    list_display = ("title", "reason_badge", "queue", "deliveries", "died", "job", "sent_again")
    list_filter = ("reason", ("requeued_at", admin.EmptyFieldListFilter))
    date_hierarchy = "died_at"
    search_fields = ("job_id__startswith", "task__startswith")
    search_help_text = gettext_lazy("The beginning of a job's id or of a task's name")
    fieldsets = (
        (None, {"fields": (("title", "reason_badge"), ("job", "task"), "error")}),
        (gettext_lazy("Message"), {"fields": ("text", "properties_text", "headers_text")}),
        (
            gettext_lazy("Way"),
            {
                "fields": (
                    ("queue", "deliveries"),
                    ("exchange", "routing_key"),
                    "died",
                    ("sent_again", "requeued_by"),
                )
            },
        ),
    )
    died = moment_column("died_at", gettext_lazy("Died"))
    sent_again = moment_column("requeued_at", gettext_lazy("Sent again"))
    headers_text = json_column("headers", gettext_lazy("Headers"))
    properties_text = json_column("properties", gettext_lazy("Properties"))
    actions = ("send_again",)

    heavy = ("body", "headers", "properties")

    def get_queryset(self, request: HttpRequest) -> Any:
        return super().get_queryset(request).defer("envelope")

    def has_requeue_permission(self, request: HttpRequest) -> bool:
        return request.user.has_perm("jobs.change_deadletter")

    @admin.display(description=gettext_lazy("Reason"), ordering="reason")
    def reason_badge(self, row: DeadLetter) -> SafeString:
        return columns.label(row.get_reason_display(), "" if row.requeued_at else "danger")

    @admin.display(description=gettext_lazy("Body"))
    def text(self, row: DeadLetter) -> SafeString | str:
        return columns.block(bodies.shown(row))

    @admin.action(description=gettext_lazy("Send again"), permissions=["requeue"])
    def send_again(self, request: HttpRequest, rows: Any) -> None:
        """Those that this person may run; what has no task of ours is for superusers."""
        chosen = list(rows.values_list("id", "task")[:SENT_MOST])
        allowed = [letter for letter, task in chosen if may_run(request.user, task)]
        counts = letters.requeue(allowed, by=request.user.get_username())
        said = ngettext("%d letter was sent again.", "%d letters were sent again.", counts["sent"])
        self.message_user(
            request, said % counts["sent"], messages.SUCCESS if counts["sent"] else messages.WARNING
        )
        for number, sentence in (
            (counts["failed"], _("%d could not be sent: see the log, and try again.")),
            (counts["skipped"], _("%d were left alone: sent again before, or their job has succeeded.")),
            (counts["taken"], _("%d were left alone: another job has their job's key; the log says which.")),
            (len(chosen) - len(allowed), _("%d were left alone: you may not run their tasks.")),
        ):
            if number:
                self.message_user(request, sentence % number, messages.WARNING)


@admin.register(Worker)
class WorkerAdmin(ReadOnlyAdmin):
    empty_words = gettext_lazy("No worker has been seen yet.")
    list_display = ("name", "condition", "pid", "concurrency", "reads", "started", "seen")
    list_filter = (("lost_at", admin.EmptyFieldListFilter), ("stopped_at", admin.EmptyFieldListFilter))
    search_fields = ("name__startswith",)
    fields = (
        ("name", "condition"), "instance", ("pid", "concurrency"), "reads",
        ("started", "seen"), ("stopped", "lost"),
    )  # fmt: skip
    started = moment_column("started_at", gettext_lazy("Started"))
    seen = moment_column("seen_at", gettext_lazy("Last seen"))
    stopped = moment_column("stopped_at", gettext_lazy("Stopped"))
    lost = moment_column("lost_at", gettext_lazy("Lost"))

    @admin.display(description=gettext_lazy("State"))
    def condition(self, row: Worker) -> SafeString:
        if row.lost_at:
            return columns.label(_("lost"), "danger")
        return columns.label(_("stopped")) if row.stopped_at else columns.label(_("alive"), "success")

    @admin.display(description=gettext_lazy("Queues"))
    def reads(self, row: Worker) -> str:
        """As it told last; those that are paused it leaves alone."""
        words = [*map(str, row.queues)]
        if row.stopped_at is None and row.lost_at is None:
            paused = paused_at(row.instance)
            words = [name for name in words if name not in paused]
            words += [_("%(queue)s: paused") % {"queue": name} for name in paused]
        return ", ".join(words) or NOTHING


def paused_at(instance: str) -> tuple[str, ...]:
    try:
        return looking.paused_queues(instance)
    except redis_error() as error:
        logger.warning("nobody knows which queues %s leaves alone: %s", instance, error)
        return ()


@admin.register(Effect)
class EffectAdmin(JobColumns, ReadOnlyAdmin):
    empty_words = gettext_lazy("No effect has been guarded yet.")
    list_display = ("key", "job", "done")
    date_hierarchy = "done_at"
    ordering = ("-done_at",)
    search_fields = ("key__startswith",)
    fields = ("key", "job", "value", "done")
    done = moment_column("done_at", gettext_lazy("Done"))
    value = json_column("result", gettext_lazy("Result"))
