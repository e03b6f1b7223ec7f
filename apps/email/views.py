from collections.abc import Callable
from typing import Any, TypeVar

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.http import FileResponse, Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.email.forms import MailingForm, MessageForm, WordsForm
from apps.email.mailing import post_to_all
from apps.email.models import Mailing, Message, State
from apps.email.posting import SEND, SEND_TO_ALL, mark_as_sent, post, send_again
from apps.jobs import reading
from apps.jobs.errors import ArgumentError
from apps.jobs.orders import Options
from apps.jobs.permissions import may_run
from apps.jobs.states import Source

PAGE_SIZE = 50

Form = TypeVar("Form", bound=WordsForm)


@staff_member_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    """The newest messages; `?before=<id>` goes on with older ones, `?state=` and `?mailing=` narrow."""
    rows = Message.objects.all() if may_read(request) else Message.objects.none()
    state, mailing, before = (request.GET.get(name, "") for name in ("state", "mailing", "before"))
    if state in State.values:
        rows = rows.filter(state=state)
    if is_id(mailing):
        rows = rows.filter(mailing=int(mailing))
    if is_id(before):
        rows = rows.filter(pk__lt=int(before))
    return show_list(request, "home", rows.defer("text", "html"), states=State.choices, state=state)


@staff_member_required
@require_GET
def mailings(request: HttpRequest) -> HttpResponse:
    rows = Mailing.objects.all() if may_read(request) else Mailing.objects.none()
    if is_id(before := request.GET.get("before", "")):
        rows = rows.filter(pk__lt=int(before))
    return show_list(request, "mailings", rows)


@staff_member_required
@require_http_methods(["GET", "POST"])
def compose(request: HttpRequest) -> HttpResponse:
    def hand_in(form: MessageForm) -> HttpResponse:
        return redirect(post(form.draft(), form.cleaned_data["idempotency_key"], **by(request)))

    allow(request, SEND)
    return fill_in(request, "compose", MessageForm(request.POST or None), hand_in)


@staff_member_required
@require_http_methods(["GET", "POST"])
def compose_mailing(request: HttpRequest) -> HttpResponse:
    def hand_in(form: MailingForm) -> HttpResponse:
        job = post_to_all(form.draft(), form.cleaned_data["recipients"], **by(request))
        return redirect("email:mailing", job.id)

    allow(request, SEND_TO_ALL)
    return fill_in(request, "compose_mailing", MailingForm(request.POST or None), hand_in)


@staff_member_required
@require_GET
def message(request: HttpRequest, pk: int) -> HttpResponse:
    row = readable(request, pk)
    job = reading.find(row.job_id) if row.job_id else None
    context = {"message": row, "job": job, "live": not row.ended, **rights(request)}
    return render(request, fragment(request, "email/message.html"), context)


@staff_member_required
@require_GET
def eml(request: HttpRequest, pk: int) -> FileResponse:
    row = readable(request, pk)
    if not row.eml.name or not row.eml.storage.exists(row.eml.name):
        raise Http404(_("This message has no .eml file."))
    return FileResponse(row.eml.open(), as_attachment=True, content_type="message/rfc822")


@staff_member_required
@require_POST
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """What a person makes of a message that failed or is unsure: `again`, or `sent`."""
    allow(request, SEND)
    row = readable(request, pk)
    sent = request.POST.get("decision") == "sent"
    done = mark_as_sent(row, request.user.get_username()) if sent else send_again(row, **by(request))
    if not done:
        messages.warning(request, _("Nothing was done: the message is %s now.") % row.get_state_display())
    return redirect(row)


@staff_member_required
@require_GET
def mailing(request: HttpRequest, job_id: str) -> HttpResponse:
    """Found by its job, because a mailing that code submits has a row only when its job starts."""
    if not may_read(request):
        raise PermissionDenied(_("You may not read mail."))
    row, job = Mailing.objects.filter(job_id=job_id).first(), reading.find(job_id)
    if row is None and (job is None or job.task != SEND_TO_ALL):
        raise Http404(_("There is no such mailing."))
    ended = row.state == Mailing.State.DONE if row else job is not None and job.ended
    counts = row.counts if row else {}
    waiting = counts.get(State.QUEUED, 0) + counts.get(State.SENDING, 0)
    context = {
        "mailing": row, "job": job, "job_id": job_id, "live": not ended,
        "ended": row.total - waiting if row else 0,
        "counts": [(state, state.label, counts[state]) for state in State if row],
    }  # fmt: skip
    return render(request, fragment(request, "email/mailing.html"), context)


def fill_in(
    request: HttpRequest, name: str, form: Form, hand_in: Callable[[Form], HttpResponse]
) -> HttpResponse:
    """The page that `hand_in` leads to, or the form with all that was wrong with it."""
    if form.is_valid():
        try:
            return hand_in(form)
        except ArgumentError as error:
            form.add_problems(error)
    return render(request, f"email/{name}.html", {"form": form})


def show_list(request: HttpRequest, name: str, rows: Any, **more: Any) -> HttpResponse:
    found = list(rows[: PAGE_SIZE + 1])
    older = request.GET.copy()
    if len(found) > PAGE_SIZE:
        older["before"] = str(found[PAGE_SIZE - 1].pk)
        more["next_url"] = f"?{older.urlencode()}"
    return render(request, f"email/{name}.html", {"rows": found[:PAGE_SIZE], **more, **rights(request)})


def rights(request: HttpRequest) -> dict[str, bool]:
    return {
        "may_send": may_run(request.user, SEND),
        "may_send_to_all": may_run(request.user, SEND_TO_ALL),
        "may_read": may_read(request),
    }


def may_read(request: HttpRequest) -> bool:
    """Mail may hold secrets: only for those who may send it, or were given the right to view it."""
    user = request.user
    return user.has_perm("email.view_message") or may_run(user, SEND) or may_run(user, SEND_TO_ALL)


def allow(request: HttpRequest, task: str) -> None:
    if not may_run(request.user, task):
        raise PermissionDenied(_("You need the permission to run %s.") % task)


def readable(request: HttpRequest, pk: int) -> Message:
    if not may_read(request):
        raise PermissionDenied(_("You may not read mail."))
    return get_object_or_404(Message.objects.select_related("mailing"), pk=pk)


def by(request: HttpRequest) -> Options:
    return {"source": Source.PAGE, "submitter": request.user.get_username()}


def fragment(request: HttpRequest, template: str) -> str:
    """Only the live part for htmx."""
    return template.replace(".html", "_live.html") if getattr(request, "htmx", False) else template


def is_id(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 19  # noqa: PLR2004 - fits in a bigint
