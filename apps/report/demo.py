"""The report family's part of `manage.py demo`: one report on the jobs, one on what they imported."""

from typing import Any

from apps.report.ordering import TASK


def load() -> None:
    """The reports are on what the other families did: there is nothing to load."""


def jobs() -> list[tuple[str, dict[str, Any]]]:
    return [
        (TASK, {"report": "job_activity", "format": "html"}),
        (TASK, {"report": "imported_data", "format": "xlsx"}),
    ]
