"""The pages under /reports/."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.jobs import reading
from apps.jobs.errors import ArgumentError
from apps.jobs.permissions import may_run
from apps.jobs.states import FINISHED, State
from apps.report import catalog
from apps.report.format import CONTENT_TYPES
from apps.report.forms import ReportForm
from apps.report.models import Report
from apps.report.ordering import TASK, again, order

PAGE_SIZE = 25
REPORT_POLICY = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@dataclass(frozen=True)
class Shown:
    """A report and how it stands: its job knows of a kill, a cancel or a retry what the row can't."""

    report: Report
    job: reading.JobView | None

    @property
    def state(self) -> str:
        if self.report.state == State.SUCCESS or self.job is None:
            return self.report.state
        return self.job.state

    @property
    def ended(self) -> bool:
        return self.state in FINISHED or self.job is None

    @property
    def ready(self) -> bool:
        return self.state == State.SUCCESS

    @property
    def error(self) -> str:
        return "" if self.ready else self.report.error or (self.job and self.job.error) or ""


@staff_member_required
def home(request: HttpRequest) -> HttpResponse:
    page = Paginator(Report.objects.select_related("submitted_by"), PAGE_SIZE).get_page(
        request.GET.get("page")
    )
    context = {
        "available": catalog.reports().values(),
        "page": page,
        "shown": with_jobs(list(page)),
        "may_run": may_run(request.user, TASK),
    }
    return render(request, "report/home.html", context)


@staff_member_required
def new(request: HttpRequest, name: str) -> HttpResponse:
    require_permission(request)
    definition = catalog.reports().get(name)
    if definition is None:
        raise Http404(f"no report is named {name!r}")
    form = ReportForm(definition, request.POST or None)
    if form.is_valid():
        return redirect(order(form.wish, request.user))
    return render(request, "report/new.html", {"definition": definition, "form": form})


@staff_member_required
def detail(request: HttpRequest, pk: int) -> HttpResponse:
    return render(request, "report/detail.html", status_context(request, pk))


@staff_member_required
def status(request: HttpRequest, pk: int) -> HttpResponse:
    """The live part of the detail page."""
    return render(request, "report/status.html", status_context(request, pk))


@staff_member_required
@require_POST
def make_again(request: HttpRequest, pk: int) -> HttpResponse:
    require_permission(request)
    report = get_object_or_404(Report, pk=pk)
    try:
        return redirect(again(report, request.user))
    except ArgumentError as error:
        messages.error(request, str(error))
        return redirect(report)


@staff_member_required
def download(request: HttpRequest, pk: int) -> HttpResponseBase:
    return file_response(request, pk, as_attachment=True)


@staff_member_required
def view(request: HttpRequest, pk: int) -> HttpResponseBase:
    """An HTML report as a page, locked in: no scripts, no requests, an origin of its own."""
    if not Report.objects.filter(pk=pk, format="html").exists():
        raise Http404("only an html report can be viewed")
    response = file_response(request, pk, as_attachment=False)
    response["Content-Security-Policy"] = REPORT_POLICY
    return response


def file_response(request: HttpRequest, pk: int, *, as_attachment: bool) -> HttpResponseBase:
    require_permission(request)
    report = get_object_or_404(Report, pk=pk)
    if not report.is_ready:
        return render(request, "report/missing.html", {"report": report}, status=404)
    response = FileResponse(
        report.file.open("rb"),
        as_attachment=as_attachment,
        filename=report.download_name,
        content_type=CONTENT_TYPES[report.suffix],
    )
    response["X-Content-Type-Options"] = "nosniff"
    return response


def require_permission(request: HttpRequest) -> None:
    if not may_run(request.user, TASK):
        raise PermissionDenied(_("Reports need the permission to run the task %s.") % TASK)


def status_context(request: HttpRequest, pk: int) -> dict[str, Any]:
    report = get_object_or_404(Report.objects.select_related("submitted_by"), pk=pk)
    shown = with_jobs([report])[0]
    return {
        "report": report,
        "shown": shown,
        "progress": shown.job.progress if shown.job and not shown.ended else None,
        "may_run": may_run(request.user, TASK),
    }


def with_jobs(reports: Sequence[Report]) -> list[Shown]:
    """The reports with their jobs, but for those that need none."""
    unfinished = [report.job_id for report in reports if report.state != State.SUCCESS]
    found = reading.latest(len(unfinished), id__in=unfinished) if unfinished else []
    jobs = {job.id: job for job in found}
    return [Shown(report, jobs.get(report.job_id)) for report in reports]
