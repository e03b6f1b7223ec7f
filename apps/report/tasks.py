"""The report family's task."""

from typing import Annotated, Any
from uuid import uuid4

from celery import shared_task
from pydantic import AfterValidator

from apps.jobs.progress import current_job_id
from apps.report import catalog, formats
from apps.report.generating import Wish, generate


def known_report(name: str) -> str:
    return catalog.find(name).name


def known_format(name: str) -> str:
    return formats.find(name).name


@shared_task
def generate_report_task(
    report: Annotated[str, AfterValidator(known_report)],
    format: Annotated[str, AfterValidator(known_format)] = "html",  # noqa: A002 - what people call it
    parameters: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """Makes a report as a file that can be downloaded.

    report: its name, such as job_activity.
    format: html, csv or xlsx.
    parameters: such as {"since": "2026-01-01", "until": "2026-01-31"}; the last 30 days if left out.
    """
    made = generate(current_job_id() or str(uuid4()), Wish(report, format, parameters or {}))
    return made.outcome()
