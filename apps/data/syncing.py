"""A source's file into its dataset, if it has changed."""

import re
from tempfile import TemporaryFile
from typing import Any

from django.core.files import File
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.data.fetching import fetch
from apps.data.importing import run_import
from apps.data.models import Source
from apps.data.receiving import Plan, receive, received_before
from apps.jobs.errors import ArgumentError


def sync(name: str) -> dict[str, Any]:
    """Fetches and imports; notes on the source how it went. Raises as `fetch` and `run_import` do."""
    source = find(name)
    if not source.enabled:
        return {"status": "skipped", "reason": _("the source is disabled")}
    try:
        return bring(source)
    except Exception as error:
        note(source, last_error=str(error) or type(error).__name__)
        raise


def find(name: str) -> Source:
    """By its name or its number. Raises ArgumentError."""
    rows = Source.objects.select_related("target")
    found = rows.filter(name=name).first()
    if found is None and re.fullmatch("[0-9]{1,18}", name):
        found = rows.filter(pk=int(name)).first()
    if found is None:
        known = ", ".join(rows.values_list("name", flat=True)[:20]) or _("none yet")
        raise ArgumentError({"source": _("no such source: %r; there are %s") % (name, known)})
    return found


def note(source: Source, **fields: Any) -> None:
    Source.objects.filter(pk=source.pk).update(last_run=timezone.now(), **fields)


def bring(source: Source) -> dict[str, Any]:
    versions: dict[str, str] = {}
    imported = received_before()
    if imported is None:
        with TemporaryFile() as file:
            fetched = fetch(source.url, file, source.etag, source.last_modified)
            if not fetched.changed:
                note(source, last_error="")
                return {"status": "success", "changed": False, "dataset": source.target.name}
            plan = Plan(source.target.name, format=source.format, encoding=source.encoding)
            imported = receive(File(file), fetched.name, plan)
        versions = {"etag": fetched.etag, "last_modified": fetched.last_modified}
    result = run_import(imported.pk)
    # Only now: after a failed import the same file has to be fetched again.
    note(source, last_error="", **versions)
    return {"changed": True, **result}
