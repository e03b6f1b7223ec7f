from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from apps.console import jobpage, listing, overview
from apps.console.access import staff_only, staff_only_json
from apps.console.families import families
from apps.console.paging import link
from apps.console.running import RunForm
from apps.jobs import Job, acting, catalog, reading
from apps.jobs.errors import JobError, UnknownTask
from apps.jobs.permissions import codename, may_run
from apps.jobs.states import State
from apps.running import stacks, trees


@staff_only
@require_safe
@never_cache
def home(request: HttpRequest) -> HttpResponse:
    template = "console/overview_live.html" if request.htmx else "console/overview.html"  # type: ignore[attr-defined]
    found = overview.load(with_batches=request.user.has_perm("batches.view_batch"))
    return render(request, template, {"overview": found})


@staff_only
@require_safe
def jobs(request: HttpRequest) -> HttpResponse:
    filters = listing.JobFilter(request.GET)
    if request.htmx:  # type: ignore[attr-defined]
        asked = {"top": f"?{request.GET.urlencode()}", "first": link(request.GET)}
        return render(
            request, "console/jobs_new.html", {"new": listing.count_new(filters, request.GET), **asked}
        )
    shown = {"filters": filters, "listed": listing.load(filters, request.GET)}
    return render(request, "console/jobs.html", shown)


@staff_only
@require_safe
@never_cache
def job(request: HttpRequest, job_id: str) -> HttpResponse:
    page = jobpage.load(job_id, request.user)
    if page is None:
        return missing(request, _("No job has the id %(id)s.") % {"id": job_id})
    template = "console/job_live.html" if request.htmx else "console/job.html"  # type: ignore[attr-defined]
    return render(request, template, {"page": page})


@staff_only_json
@require_safe
@never_cache
def job_json(request: HttpRequest, job_id: str) -> JsonResponse:
    found = reading.find(job_id)
    if found is None:
        return JsonResponse({"error": _("No job has the id %(id)s.") % {"id": job_id}}, status=404)
    return JsonResponse(jobpage.as_data(found))


@staff_only
@require_POST
def again(request: HttpRequest, job_id: str) -> HttpResponse:
    page = jobpage.load(job_id, request.user)
    if page is None:
        return missing(request, _("No job has the id %(id)s.") % {"id": job_id})
    require_permission(request, page.job.task)
    try:
        job = jobpage.run_again(page, by=request.user.get_username())
    except JobError as error:
        messages.error(request, _("The job was not run again: %(why)s") % {"why": error})
        return redirect("console:job", job_id)
    messages.success(request, _("This is the new job, with the same arguments."))
    return redirect("console:job", job.id)


@staff_only
@require_POST
def cancel(request: HttpRequest, job_id: str) -> HttpResponse:
    require_right(request, "cancel_job", _("Cancelling jobs needs the permission %(permission)s."))
    by, why = request.user.get_username(), request.POST.get("why", "").strip()
    try:
        if request.POST.get("tree"):
            found = trees.cancel_tree(job_id, by, why)
        else:
            found = [acting.cancel(job_id, by, why)]
    except acting.UnknownJob:
        return missing(request, _("No job has the id %(id)s.") % {"id": job_id})
    except JobError as error:
        messages.error(request, _("The job was not cancelled: %(why)s") % {"why": error})
        return redirect("console:job", job_id)
    messages.info(request, _("This job: %(what)s.") % {"what": found[0].text})
    if below := len(found) - 1:
        messages.info(request, ngettext("%d job below it, too.", "%d jobs below it, too.", below) % below)
    return redirect("console:job", job_id)


@staff_only
@require_POST
def stack(request: HttpRequest, job_id: str) -> HttpResponse:
    require_right(request, "see_stack", _("Seeing stacks needs the permission %(permission)s."))
    try:
        found = stacks.look(job_id)
    except acting.UnknownJob:
        return missing(request, _("No job has the id %(id)s.") % {"id": job_id})
    return render(request, "console/job_stack.html", {"stack": found, "job_id": job_id})


@staff_only
@require_safe
def run(request: HttpRequest) -> HttpResponse:
    search = request.GET.get("q", "").strip()
    found = families(request.user, search)
    template = "console/run_list.html" if request.htmx else "console/run.html"  # type: ignore[attr-defined]
    return render(request, template, {"families": found, "search": search})


@staff_only
@require_http_methods(["GET", "HEAD", "POST"])
def run_task(request: HttpRequest, name: str) -> HttpResponse:
    try:
        task = catalog.find(name)
    except UnknownTask as error:
        return missing(request, _("There is %(what)s.") % {"what": error})
    require_permission(request, name)
    earlier = reading.find(request.GET.get("from-job", ""))
    form = RunForm(task, request.POST if request.method == "POST" else None, earlier)
    if request.method != "POST":
        form.fill(request.GET)
    elif job := form.submit(by=request.user.get_username()):
        messages.success(request, said_of(job))
        return redirect("console:job", job.id)
    shown = {"form": form, "name": name, "title": catalog.title(name)}
    return render(request, "console/run_task.html", shown)


def said_of(job: Job) -> str:
    if not job.existing:
        return _("The job was handed in.")
    if job.state == State.PENDING:
        return _("A job with the same key waits already: this is that one.")
    return _("A job with the same key is there already: this is that one.")


def require_permission(request: HttpRequest, task_name: str) -> None:
    if not may_run(request.user, task_name):
        sentence = _("Running %(task)s needs the permission %(permission)s.")
        raise PermissionDenied(sentence % {"task": task_name, "permission": f"jobs.{codename(task_name)}"})


def require_right(request: HttpRequest, right: str, sentence: str) -> None:
    if not request.user.has_perm(f"running.{right}"):
        raise PermissionDenied(sentence % {"permission": f"running.{right}"})


def missing(request: HttpRequest, sentence: str) -> HttpResponse:
    shown = {"sentence": sentence, "jobs_url": reverse("console:jobs"), "run_url": reverse("console:run")}
    return render(request, "console/missing.html", shown, status=404)
