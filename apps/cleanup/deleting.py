"""Deletes rows in short transactions, and their files after them."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

from django.db import transaction
from django.db.models import Model, ProtectedError, RestrictedError

from apps.cleanup.tables import Rows, dependents, everything, file_fields, meta, unprotected

BATCH_ROWS = 1_000  # no statement deletes more
DEPTH_MAX = 5  # of rows that point to rows that point to rows; the database deletes what is deeper


@dataclass(frozen=True)
class Swept:
    """`cascaded` are rows of other models that went along."""

    rows: int = 0
    cascaded: int = 0
    files: int = 0

    def __add__(self, other: "Swept") -> "Swept":
        return Swept(self.rows + other.rows, self.cascaded + other.cascaded, self.files + other.files)


def sweep(rows: Rows, files: Sequence[str], depth: int = 0) -> Generator[Swept]:
    """Deletes `rows` batch by batch in the order of their keys, and yields after each commit.

    What points to them goes first, in batches too. Stopped in between, all that was yielded is
    gone, and a later sweep goes on with the rest. `files` are the file fields of these rows.
    """
    keys = next_keys(rows)
    while keys:
        if depth < DEPTH_MAX:
            yield from sweep_dependents(rows.model, keys, depth + 1)
        yield delete_batch(rows, keys, files)
        keys = next_keys(rows.filter(pk__gt=keys[-1]))


def sweep_dependents(model: type[Model], keys: Sequence[object], depth: int) -> Iterator[Swept]:
    for dependent, field in dependents(model):
        pointing = unprotected(everything(dependent).filter(**{f"{field}__in": keys}))
        for swept in sweep(pointing, file_fields(dependent), depth):
            yield Swept(0, swept.rows + swept.cascaded, swept.files)


def next_keys(rows: Rows) -> list[object]:
    return list(rows.values_list("pk", flat=True)[:BATCH_ROWS])


def delete_batch(rows: Rows, keys: Sequence[object], files: Sequence[str]) -> Swept:
    """Those of `keys` that still belong to `rows` and that nobody holds locked."""
    try:
        with transaction.atomic():
            # Django can't name the table of rows with a composite key.
            of = ("self",) if len(meta(rows.model).pk_fields) == 1 else ()
            batch = rows.filter(pk__in=keys).select_for_update(skip_locked=True, of=of)
            found = list(batch.values_list("pk", *files))
            doomed = everything(rows.model).filter(pk__in=[pk for pk, *_ in found])
            total, counts = doomed.only("pk").delete()
    except (ProtectedError, RestrictedError):
        if len(keys) == 1:  # what would go along is protected: it stays
            return Swept()
        return sum((delete_batch(rows, [key], files) for key in keys), Swept())
    own = counts.get(meta(rows.model).label, 0)
    removed = sum(
        remove_files(rows.model, field, {row[position] for row in found if row[position]})
        for position, field in enumerate(files, start=1)
    )
    return Swept(own, total - own, removed)


def remove_files(model: type[Model], field: str, names: set[str]) -> int:
    """Removes the files of rows that are gone, but not what another row uses too."""
    used = everything(model).filter(**{f"{field}__in": names}).values_list(field, flat=True)
    doomed = names - set(used)
    storage = meta(model).get_field(field).storage
    for name in doomed:
        storage.delete(name)
    return len(doomed)
