"""`manage.py demo`: the jobs of one app after those of the other."""

import re
from io import StringIO
from types import SimpleNamespace
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from openpyxl import load_workbook

from apps.console.management.commands import demo
from apps.jobs import reading
from apps.jobs.tests.sample_tasks import stumble_task
from apps.report.models import Report
from tests.waiting import WorkerProcess

FAMILIES = ["email", "data", "report", "report", "notification", "cleanup"]
ROW = re.compile(r"^(\w+) +(?:\w+ )+ +(\w+) +(\S+ s|-)  ", re.MULTILINE)


@pytest.fixture
def files_of_the_worker(settings: Any, own_files: None) -> None:
    """This process looks for files where the worker, another process, puts them."""
    settings.MEDIA_ROOT = str(settings.VAR_ROOT / "media")


@pytest.mark.slow
def test_every_family_succeeds_and_the_report_holds_what_was_imported(
    worker: WorkerProcess, files_of_the_worker: None
) -> None:
    out = StringIO()
    call_command("demo", stdout=out)
    assert [(family, state) for family, state, _ in ROW.findall(out.getvalue())] == [
        (family, "SUCCESS") for family in FAMILIES
    ]
    with Report.objects.get(name="imported_data").file.open("rb") as file:
        sheets = load_workbook(file).worksheets
        rows = [row for sheet in sheets for row in sheet.iter_rows(values_only=True)]
    assert ("customers", "customer_id", 197) in [row[:3] for row in rows]


def test_an_app_is_asked_for_its_jobs_once_those_before_have_ended(
    worker: WorkerProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def look() -> list[Any]:
        seen.extend(view.state for view in reading.latest())
        return []

    stumbling = SimpleNamespace(load=list, jobs=lambda: [(stumble_task.name, {"times": 1})])
    watching = SimpleNamespace(load=list, jobs=look)
    monkeypatch.setattr(demo, "demos", lambda: [stumbling, watching])
    call_command("demo", stdout=StringIO())
    assert seen == ["SUCCESS"]


def test_when_the_time_is_over_it_says_how_far_each_job_is(db: None) -> None:
    """Nothing is sent before a commit, so no worker ever takes these."""
    out = StringIO()
    with pytest.raises(CommandError, match="Not every job succeeded"):
        call_command("demo", timeout=0, stdout=out)
    assert ROW.findall(out.getvalue()) == [(family, "PENDING", "-") for family in FAMILIES]
