import re
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.contrib.admin.views.decorators import staff_member_required
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.data.exporting import csv_response
from apps.data.forms import ImportForm, PipelineForm
from apps.data.importing import TASK, start, start_over
from apps.data.models import ROW_ERRORS_KEPT, Dataset, Import
from apps.jobs import reading
from apps.jobs.errors import JobError
from apps.jobs.orders import Options
from apps.jobs.permissions import may_run
from apps.jobs.states import Source, State

DOWNLOAD = "apps.data.tasks.download_task"
FORM_BYTES = 64 * 1024  # what the other fields of the upload form may take
PAGE_ROWS, COLUMNS_SHOWN = 50, 12


@staff_member_required
@require_GET
def home(request: HttpRequest) -> HttpResponse:
    context = {
        "datasets": Dataset.objects.annotate(rows=Count("records")).order_by("name"),
        "imports": Import.objects.select_related("dataset")[:15],
        "may_import": may_run(request.user, TASK),
        "may_download": may_run(request.user, DOWNLOAD),
    }
    return render(request, "data/home.html", context)


@csrf_exempt
@staff_member_required
@require_http_methods(["GET", "POST"])
def new_import(request: HttpRequest) -> HttpResponse:
    """Looks at the length before anything reads the body, so before the CSRF check, which does."""
    allow(may_run(request.user, TASK))
    if int(request.META.get("CONTENT_LENGTH") or 0) > settings.IMPORT_MAX_BYTES + FORM_BYTES:
        context = {"form": ImportForm(), "limit": settings.IMPORT_MAX_BYTES}
        return render(request, "data/new_import.html", context, status=413)
    return upload(request)


@csrf_protect
def upload(request: HttpRequest) -> HttpResponse:
    asked = {"dataset": request.GET.get("dataset", "")}
    form = ImportForm(request.POST or None, request.FILES or None, initial=asked)
    if form.is_valid() and (imported := form.take(request.user)):  # type: ignore[arg-type]
        return begin(request, imported)
    return render(request, "data/new_import.html", {"form": form, "datasets": Dataset.objects.all()[:200]})


@staff_member_required
@require_http_methods(["GET", "POST"])
def new_pipeline(request: HttpRequest) -> HttpResponse:
    allow(may_run(request.user, DOWNLOAD))
    form = PipelineForm(request.POST or None)
    if form.is_valid() and (jobs := form.start(**by(request))):
        return redirect("console:job", jobs[-1].id)
    return render(request, "data/new_pipeline.html", {"form": form, "datasets": Dataset.objects.all()[:200]})


@staff_member_required
@require_GET
def import_page(request: HttpRequest, pk: int) -> HttpResponse:
    imported = visible(request, pk)
    errors = Paginator(imported.errors.all(), PAGE_ROWS).get_page(request.GET.get("page"))
    context = {"errors": errors, "kept": ROW_ERRORS_KEPT, **look(request, imported)}
    return render(request, "data/import.html", context)


@staff_member_required
@require_GET
def import_state(request: HttpRequest, pk: int) -> HttpResponse:
    """The live part of the import's page."""
    return render(request, "data/import_state.html", look(request, visible(request, pk)))


@staff_member_required
@require_GET
def import_errors(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    rows = visible(request, pk).errors.values_list("line", "kind", "column", "message", "raw")
    columns = [_("line"), _("kind"), _("column"), _("message"), _("row")]
    return csv_response(f"import-{pk}-errors", columns, rows.iterator())


@staff_member_required
@require_POST
def run_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Goes on at the cursor, or with `whole` from the first line."""
    allow(may_run(request.user, TASK))
    imported = visible(request, pk)
    return begin(request, imported, whole="whole" in request.POST)


@staff_member_required
@require_GET
def dataset_page(request: HttpRequest, name: str) -> HttpResponse:
    """By keyset, so that page one thousand costs what page one does: `?after=<id>`, or `?key=`."""
    allow(request.user.has_perm("data.view_record"))
    dataset = get_object_or_404(Dataset, name=name)
    after, key = (request.GET.get(name, "").replace("\0", "").strip() for name in ("after", "key"))
    after = after if re.fullmatch(r"[0-9]{1,18}", after) else ""
    found = dataset.records.filter(id__gt=int(after or 0)).order_by("id")
    records = (found.filter(key=key) if key else found)[: PAGE_ROWS + 1]
    columns = dataset.columns[:COLUMNS_SHOWN]
    context = {
        "dataset": dataset,
        "after": after,
        "key": key,
        "rows": [(row, [row.data.get(name) for name in columns]) for row in records[:PAGE_ROWS]],
        "columns": columns,
        "next": records[PAGE_ROWS - 1].pk if len(records) > PAGE_ROWS else None,
        "may_import": may_run(request.user, TASK),
    }
    return render(request, "data/dataset.html", context)


@staff_member_required
@require_GET
def dataset_export(request: HttpRequest, name: str) -> StreamingHttpResponse:
    allow(request.user.has_perm("data.view_record"))
    dataset = get_object_or_404(Dataset, name=name)
    data = dataset.records.order_by("id").values_list("data", flat=True).iterator(chunk_size=2000)
    rows = ([row.get(column) for column in dataset.columns] for row in data)
    return csv_response(dataset.name, dataset.columns, rows)


def allow(allowed: bool) -> None:
    if not allowed:
        raise PermissionDenied(_("Your account may not do this with data."))


def visible(request: HttpRequest, pk: int) -> Import:
    """Rejected rows are shown on the page: for those who may see imports, and for who sent the file."""
    imported = get_object_or_404(Import.objects.select_related("dataset", "submitted_by"), pk=pk)
    allow(request.user.has_perm("data.view_import") or imported.submitted_by_id == request.user.pk)
    return imported


def begin(request: HttpRequest, imported: Import, *, whole: bool = False) -> HttpResponse:
    try:
        start_over(imported, **by(request)) if whole else start(imported, **by(request))
    except JobError as error:
        messages.error(request, str(error))
    return redirect(imported)


def by(request: HttpRequest) -> Options:
    return {"source": Source.PAGE, "submitter": request.user.get_username()}


def look(request: HttpRequest, imported: Import) -> dict[str, Any]:
    job = reading.find(imported.job_id) if imported.job_id else None
    ended = imported.state == State.SUCCESS or job is None or job.ended
    return {
        "imported": imported,
        "job": job,
        "ended": ended,
        "checking": job.progress if job and not ended and imported.rows_total is None else None,
        "may_run": ended and may_run(request.user, TASK),
    }
