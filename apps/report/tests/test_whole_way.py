"""From the page or the command through RabbitMQ and a worker to the file."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from apps.report.models import Report
from apps.report.ordering import TASK
from tests.waiting import WorkerProcess, ended, of_test_database

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("worker")]


@pytest.fixture(autouse=True)
def files_of_the_worker(settings: Any, own_files: None) -> None:
    """This process looks for files where the worker, another process, puts them."""
    settings.MEDIA_ROOT = str(settings.VAR_ROOT / "media")


def test_a_report_from_the_page_can_be_downloaded(admin_client: Client, admin_user: User) -> None:
    response = admin_client.post(reverse("report:new", args=["job_activity"]), {"format": "xlsx"})
    report = Report.objects.get(submitted_by=admin_user)
    job = ended(report.job_id)
    assert job.state == "SUCCESS", job.error
    assert job.result["report"] == report.pk
    page = admin_client.get(response.url).content.decode()  # type: ignore[attr-defined]
    assert 'data-state="SUCCESS"' in page
    content = b"".join(admin_client.get(reverse("report:download", args=[report.pk])))
    assert content[:2] == b"PK"
    assert len(content) == Report.objects.get(pk=report.pk).size


def test_a_report_from_the_command_lands_in_the_file(tmp_path: Path, worker: WorkerProcess) -> None:
    target = tmp_path / "jobs.zip"
    done = command("job_activity", "--format", "csv", "--wait", "--timeout", "60", "--output", str(target))
    assert done.returncode == 0, done.stderr
    assert target.read_bytes()[:2] == b"PK"
    assert Report.objects.get().title == "Job activity"


def test_a_report_on_standard_output_is_nothing_but_the_report() -> None:
    done = command("job_activity", "--wait", "--timeout", "60", "--output", "-")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("<!DOCTYPE html>")
    assert TASK in done.stderr


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "manage.py", "generate_report", *arguments],
        capture_output=True, text=True, check=False, timeout=120, env={**os.environ, **of_test_database()},
    )  # fmt: skip
