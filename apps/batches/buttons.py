"""What the admin does to batches, in the list and on the page of one: cancel and retry."""

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.admin import action as bulk_action
from django.contrib.admin.models import CHANGE, LogEntry
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.template.response import TemplateResponse
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from unfold.decorators import action
from unfold.widgets import UnfoldAdminTextInputWidget, UnfoldBooleanWidget

from apps.batches import acting
from apps.batches.models import Batch
from apps.jobs.acting import WHY_LENGTH
from apps.jobs.errors import JobError
from apps.jobs.permissions import may_run

RIGHTS = {"cancel_batches": "cancel", "retry_batches": "retry"}
REFUSED_SHOWN = 5


class CancelForm(forms.Form):
    why = forms.CharField(
        label=gettext_lazy("Why"), required=False, max_length=WHY_LENGTH, widget=UnfoldAdminTextInputWidget
    )
    kill = forms.BooleanField(
        label=gettext_lazy("Kill what runs, too"), required=False, widget=UnfoldBooleanWidget
    )


class RetryForm(forms.Form):
    cancelled = forms.BooleanField(
        label=gettext_lazy("Cancelled jobs, too"), required=False, widget=UnfoldBooleanWidget
    )


class BatchActions:
    """Mixed into the admin of batches."""

    actions = tuple(RIGHTS)
    actions_detail = ("cancel_batch", "retry_batch")

    def has_cancel_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("batches.cancel_batch")

    def has_retry_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return request.user.has_perm("batches.retry_batch")

    def changelist_view(self, request: HttpRequest, extra_context: Any = None) -> Any:
        """A person without the right doesn't see the action; whoever asks for it anyway gets 403."""
        for name in request.POST.getlist("action"):
            if name in RIGHTS and not getattr(self, f"has_{RIGHTS[name]}_permission")(request):
                raise PermissionDenied
        return super().changelist_view(request, extra_context)  # type: ignore[misc]

    @bulk_action(description=gettext_lazy("Cancel"), permissions=["cancel"])
    def cancel_batches(self, request: HttpRequest, queryset: Any) -> None:
        """What waits; what runs goes on to its end."""
        cancel(request, list(queryset.filter(finished_at=None)))

    @bulk_action(description=gettext_lazy("Run failed jobs again"), permissions=["retry"])
    def retry_batches(self, request: HttpRequest, queryset: Any) -> None:
        """Of batches whose tasks this person may run."""
        retry(request, list(queryset))

    @action(  # type: ignore[untyped-decorator]
        description=gettext_lazy("Cancel"), url_path="cancel", permissions=["cancel"], icon="cancel"
    )
    def cancel_batch(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        return asked(self, request, object_id, CancelForm)

    @action(  # type: ignore[untyped-decorator]
        description=gettext_lazy("Run failed jobs again"),
        url_path="retry",
        permissions=["retry"],
        icon="replay",
    )
    def retry_batch(self: Any, request: HttpRequest, object_id: str) -> HttpResponse:
        return asked(self, request, object_id, RetryForm)


def asked(site: Any, request: HttpRequest, object_id: str, asks: type[forms.Form]) -> HttpResponse:
    """Asks first: a link is followed with GET, which must change nothing."""
    if not site.has_view_permission(request):
        raise PermissionDenied
    batch: Batch | None = site.get_object(request, object_id)
    if batch is None:
        return site._get_obj_does_not_exist_redirect(request, site.opts, object_id)  # type: ignore[no-any-return]  # noqa: SLF001
    form = asks(request.POST if request.method == "POST" else None)
    cancels = asks is CancelForm
    if request.method == "POST" and form.is_valid():
        (cancel if cancels else retry)(request, [batch], **form.cleaned_data)
        return HttpResponseRedirect(reverse("admin:batches_batch_change", args=[batch.pk]))
    title = _("Cancel batch %(batch)s?") if cancels else _("Run failed jobs of batch %(batch)s again?")
    context = {
        **site.admin_site.each_context(request),
        "title": title % {"batch": batch},
        "opts": site.opts,
        "original": batch,
        "batch": batch,
        "form": form,
        "cancels": cancels,
    }
    return TemplateResponse(request, "admin/batches/ask.html", context)


def cancel(request: HttpRequest, batches: list[Batch], why: str = "", *, kill: bool = False) -> None:
    count = 0
    for batch in batches:
        try:
            done = acting.cancel(batch.pk, request.user.get_username(), why, kill=kill)
        except JobError as error:
            messages.warning(request, str(error))
            continue
        if done:
            log(request, batch, _("Cancelled."))
        count += done
    said = ngettext("%d batch is being cancelled.", "%d batches are being cancelled.", count) % count
    messages.add_message(request, messages.SUCCESS if count else messages.WARNING, said)


def retry(request: HttpRequest, batches: list[Batch], *, cancelled: bool = False) -> None:
    count = 0
    for batch in batches:
        tasks = acting.tasks_of(batch.pk, cancelled=cancelled)
        if refused := [task for task in tasks if not may_run(request.user, task)]:
            said = _("Batch %(batch)s was left alone: you may not run %(tasks)s.")
            messages.warning(request, said % {"batch": batch.pk, "tasks": ", ".join(refused)})
            continue
        count += retry_one(request, batch, cancelled=cancelled)
    said = ngettext("%d job runs again.", "%d jobs run again.", count) % count
    messages.add_message(request, messages.SUCCESS if count else messages.WARNING, said)


def retry_one(request: HttpRequest, batch: Batch, *, cancelled: bool) -> int:
    try:
        result = acting.retry(batch.pk, by=request.user.get_username(), cancelled=cancelled)
    except JobError as error:
        messages.warning(request, str(error))
        return 0
    if result.count:
        log(request, batch, _("Failed jobs run again."))
    for job_id, why in list(result.refused.items())[:REFUSED_SHOWN]:
        messages.warning(request, f"{job_id[:8]}: {why}")
    return result.count


def log(request: HttpRequest, batch: Batch, text: str) -> None:
    """Among what this person did lately, and in the batch's history."""
    LogEntry.objects.log_actions(request.user.pk or 0, [batch], CHANGE, text, single_object=True)
