"""The schedules that ship with the code. `manage.py schedule sync` brings them to the database.

There people may change them in the admin: syncing never overwrites what a person changed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Recurring:
    """`rule` is one line: "every 10 minutes", a crontab such as "0 6 * * *", with a zone behind it
    if it is not CELERY_TIMEZONE's, "once 2026-05-03T09:00:00+02:00" or "sunset 52.52 13.405".
    What the policies, from `missed` on, can be is in docs/schedules.md.
    """

    name: str
    task: str
    rule: str
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    queue: str | None = None
    enabled: bool = True
    description: str = ""
    priority: int | None = None
    owner: str = ""
    missed: str = "once"
    missed_window_seconds: int = 3600
    overlap: str = "allow"
    jitter_seconds: int = 0
    late_seconds_max: int | None = None


SCHEDULES = (
    Recurring(
        "Report on jobs",
        "apps.report.tasks.generate_report_task",
        "0 6 * * *",
        {"report": "job_activity", "format": "html"},
        description="What the jobs of the last 30 days did, ready in the morning.",
    ),
    Recurring(
        "Clean up rows",
        "apps.cleanup.tasks.cleanup_data_task",
        "0 3 * * *",
        description="Deletes what the retention policies no longer keep.",
    ),
    Recurring(
        "Clean up files",
        "apps.cleanup.tasks.cleanup_files_task",
        "20 3 * * *",
        description="Deletes files that no row points to any more.",
    ),
    Recurring(
        "Count what is due for cleanup",
        "apps.cleanup.tasks.cleanup_data_task",
        "every 10 minutes",
        {"dry_run": True},
        description="Deletes nothing: it shows that schedules fire, and how much the night will delete.",
    ),
    Recurring(
        "Settle mail",
        "apps.email.tasks.settle_messages_task",
        "every 15 minutes",
        description="Marks mail whose worker died, so that it can be sent again.",
    ),
    Recurring(
        "Sync a source",
        "apps.data.tasks.sync_data_task",
        "every 1 hours",
        {"source": "example"},
        enabled=False,
        description="An example: put your source's name into the arguments, then enable it.",
    ),
)
