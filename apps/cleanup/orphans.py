"""Files that no row points to: left by a crash, or by an upload that never became a job."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from django.apps import apps
from django.core.files.storage import default_storage
from django.utils import timezone

from apps.cleanup.deleting import Swept
from apps.cleanup.tables import everything, file_fields, meta
from apps.jobs.retention import FolderPolicy

BATCH_FILES = 500
DEPTH_MAX = 10


def sweep_folder(policy: FolderPolicy, *, dry_run: bool) -> Iterator[Swept]:
    """Deletes files that are older than the policy keeps them, and yields after each batch."""
    old = older(walk(policy.folder), timezone.now() - timedelta(days=policy.keep_days))
    while names := set(islice(old, BATCH_FILES)):
        doomed = names - used(names)
        for name in () if dry_run else doomed:
            default_storage.delete(name)
        yield Swept(files=len(doomed))


def walk(folder: str, depth: int = 0) -> Iterator[str]:
    """The names of all files below the folder; none where it doesn't exist."""
    try:
        folders, files = default_storage.listdir(folder)
    except FileNotFoundError:
        return
    yield from (f"{folder}/{name}" for name in files)
    for name in folders if depth < DEPTH_MAX else ():
        yield from walk(f"{folder}/{name}", depth + 1)


def older(names: Iterable[str], moment: datetime) -> Iterator[str]:
    for name in names:
        try:
            if default_storage.get_modified_time(name) < moment:
                yield name
        except FileNotFoundError:  # its own job was faster
            continue


def used(names: set[str]) -> set[str]:
    """Those that a row of any app points to."""
    found: set[str] = set()
    for model in apps.get_models():
        for field in file_fields(model) if meta(model).managed else ():
            found.update(everything(model).filter(**{f"{field}__in": names}).values_list(field, flat=True))
    return found
