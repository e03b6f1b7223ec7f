"""The pages under /notifications/."""

from typing import Any

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.jobs import submit
from apps.jobs.errors import JobError
from apps.jobs.orders import Options
from apps.jobs.permissions import may_run
from apps.jobs.states import Source
from apps.notification import inbox
from apps.notification.channels import kind_named
from apps.notification.forms import SendForm
from apps.notification.models import Channel, Delivery, Notification

SEND, RESEND, TEST = (
    f"apps.notification.tasks.{name}_task"
    for name in ("send_notification", "resend_notification", "test_channel")
)
PER_PAGE, DELIVERIES_SHOWN = 25, 1_000


@require_GET
@staff_member_required
def home(request: HttpRequest) -> HttpResponse:
    page = Paginator(inbox.of(request.user), PER_PAGE).get_page(request.GET.get("page"))
    count = inbox.unread_count(request.user)
    return show(request, "home", page_obj=page, unread=count)


@require_GET
@staff_member_required
def unread(request: HttpRequest) -> HttpResponse:
    return show(request, "unread", count=inbox.unread_count(request.user))


@require_POST
@staff_member_required
def read(request: HttpRequest, notification_id: int) -> HttpResponse:
    get_object_or_404(inbox.of(request.user), pk=notification_id)
    inbox.mark_read(request.user, notification_id)
    return redirect("notification:home")


@require_POST
@staff_member_required
def read_all(request: HttpRequest) -> HttpResponse:
    count = inbox.mark_read(request.user)
    words = ngettext("%d notification marked as read.", "%d notifications marked as read.", count)
    messages.success(request, words % count)
    return redirect("notification:home")


@require_http_methods(["GET", "POST"])
@staff_member_required
def send(request: HttpRequest) -> HttpResponse:
    need(may_run(request.user, SEND), _("You may not send notifications."))
    form = SendForm(request.POST or None, initial={"recipient": request.user.get_username()})
    if form.is_valid():
        try:
            job = submit(SEND, kwargs=form.arguments(), **by(request))
        except JobError as error:
            form.show(error)
        else:
            return redirect("console:job", job.id)
    return show(request, "send", form=form)


@require_GET
@staff_member_required
def channels(request: HttpRequest) -> HttpResponse:
    need(request.user.has_perm("notification.view_channel"), _("You may not see the channels."))
    rows = [row(channel) for channel in Channel.objects.all()]
    return show(request, "channels", rows=rows, may_test=may_run(request.user, TEST))


def row(channel: Channel) -> dict[str, Any]:
    """One line of the list: what its kind says of it, or what is wrong with it."""
    try:
        kind = kind_named(channel.kind)
        return {"channel": channel, "leads_to": kind.describe(kind.read(channel.config))}
    except JobError as error:
        return {"channel": channel, "error": str(error)}


@require_POST
@staff_member_required
def test(request: HttpRequest, name: str) -> HttpResponse:
    channel = get_object_or_404(Channel, name=name)
    arguments = {"channel": channel.name, "recipient": request.user.get_username()}
    return start(request, TEST, arguments, "notification:channels")


@require_GET
@staff_member_required
def deliveries(request: HttpRequest) -> HttpResponse:
    need(request.user.has_perm("notification.view_delivery"), _("You may not see the deliveries."))
    rows = Delivery.objects.select_related("notification", "channel")
    state = request.GET.get("state", "")
    if state in Delivery.State.values:
        rows = rows.filter(state=state)
    page = Paginator(rows[:DELIVERIES_SHOWN], PER_PAGE).get_page(request.GET.get("page"))
    may_resend = may_run(request.user, RESEND)
    return show(
        request, "deliveries", page_obj=page, state=state, states=Delivery.State, may_resend=may_resend
    )


@require_POST
@staff_member_required
def resend(request: HttpRequest, notification_id: int) -> HttpResponse:
    notification = get_object_or_404(Notification, pk=notification_id)
    return start(request, RESEND, {"notification_id": notification.pk}, "notification:deliveries")


def start(request: HttpRequest, task: str, kwargs: dict[str, Any], back: str) -> HttpResponse:
    """Submits the job and leads to its page, or back with what is wrong."""
    need(may_run(request.user, task), _("You may not run this."))
    try:
        job = submit(task, kwargs=kwargs, **by(request))
    except JobError as error:
        messages.error(request, str(error))
        return redirect(back)
    return redirect("console:job", job.id)


def by(request: HttpRequest) -> Options:
    return {"source": Source.PAGE, "submitter": request.user.get_username()}


def need(allowed: bool, sentence: str) -> None:
    if not allowed:
        raise PermissionDenied(sentence)


def show(request: HttpRequest, page: str, **context: Any) -> HttpResponse:
    context["tabs"] = {
        "send": may_run(request.user, SEND),
        "channels": request.user.has_perm("notification.view_channel"),
        "deliveries": request.user.has_perm("notification.view_delivery"),
    }
    return render(request, f"notification/{page}.html", context)
