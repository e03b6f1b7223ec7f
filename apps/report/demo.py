"""The report family's part of `manage.py demo`."""

from typing import Any


def load() -> None:
    """The report is on the jobs themselves: there is nothing to load."""


def job() -> tuple[str, dict[str, Any]]:
    return "apps.report.tasks.generate_report_task", {"report": "job_activity", "format": "html"}
