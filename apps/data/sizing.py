"""Which queue an import goes to: the large ones wait for each other, and keep no small one waiting."""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings

from apps.data.models import Import

LARGE_ROWS = 1_000


def queue_of_import(_task: Any, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str | None:
    """The default queue for a small import; None leaves the others to the routes, which say `data`."""
    rows = args[0] if args else kwargs.get("data_list")
    small = len(rows) < LARGE_ROWS if isinstance(rows, list) else is_small_file(kwargs.get("import_id"))
    return str(settings.CELERY_TASK_DEFAULT_QUEUE) if small else None


def is_small_file(import_id: Any) -> bool:
    """Not one that is told by no number, or that nobody took in: the job itself says so."""
    if not isinstance(import_id, int):
        return False
    size = Import.objects.filter(pk=import_id).values_list("size", flat=True).first()
    return size is not None and size < settings.IMPORT_LARGE_BYTES
