"""The page /cleanup/."""

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.cleanup.reading import overview
from apps.jobs import submit
from apps.jobs.errors import JobError
from apps.jobs.permissions import may_run
from apps.jobs.states import Source

TASK = "apps.cleanup.tasks.cleanup_data_task"


@require_GET
@staff_member_required
def home(request: HttpRequest) -> HttpResponse:
    context = {"policies": overview(), "may_run": may_run(request.user, TASK)}
    return render(request, "cleanup/home.html", context)


@require_POST
@staff_member_required
def run(request: HttpRequest) -> HttpResponse:
    """Without a policy: all of them. Only the value "no" for `dry_run` deletes."""
    if not may_run(request.user, TASK):
        raise PermissionDenied(_("You may not run the cleanup."))
    kwargs = {"policy": request.POST.get("policy") or None, "dry_run": request.POST.get("dry_run") != "no"}
    try:
        job = submit(TASK, kwargs=kwargs, source=Source.PAGE, submitter=request.user.get_username())
    except JobError as error:
        messages.error(request, str(error))
        return redirect("cleanup:home")
    return redirect("console:job", job.id)
