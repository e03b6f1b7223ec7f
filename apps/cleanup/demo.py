"""Nothing to load: the other families bring the rows. The job counts what is due."""

from typing import Any


def load() -> None:
    """Has nothing to do."""


def jobs() -> list[tuple[str, dict[str, Any]]]:
    return [("apps.cleanup.tasks.cleanup_data_task", {"dry_run": True})]
