"""How far batches are, counted from their members' rows: an index has what it takes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from django.db import connection

from apps.batches.models import Batch, Standing

COUNT = """
WITH RECURSIVE tree(root, id) AS (
    SELECT id, id FROM unnest(%s::bigint[]) AS root(id)
    UNION SELECT tree.root, child.id FROM batches_batch AS child JOIN tree ON child.parent_id = tree.id
)
SELECT root, state, count(*) FROM tree JOIN batches_member ON batch_id = tree.id GROUP BY root, state
"""


@dataclass(frozen=True)
class Counts:
    """Members, with those of the batches inside. `failed`: or expired."""

    total: int = 0
    succeeded: int = 0
    failed: int = 0
    cancelled: int = 0

    @property
    def done(self) -> int:
        return self.succeeded + self.failed + self.cancelled

    @property
    def open(self) -> int:
        return self.total - self.done

    @property
    def percent(self) -> int:
        """Whole, and 100 only when nothing is open; of no members, too."""
        return self.done * 100 // self.total if self.total else 100


def count(batch_ids: Sequence[int]) -> dict[int, Counts]:
    """Of each, as its members are now."""
    found: dict[int, dict[str, int]] = {batch_id: {} for batch_id in batch_ids}
    with connection.cursor() as cursor:
        cursor.execute(COUNT, [list(batch_ids)])
        for root, state, number in cursor.fetchall():
            found[root][state] = number
    return {
        batch_id: Counts(
            total=sum(numbers.values()),
            succeeded=numbers.get(Standing.SUCCEEDED, 0),
            failed=numbers.get(Standing.FAILED, 0),
            cancelled=numbers.get(Standing.CANCELLED, 0),
        )
        for batch_id, numbers in found.items()
    }


def counts_of(batches: Iterable[Batch]) -> dict[int, Counts]:
    """The same for rows at hand: those that have finished carry their figures."""
    rows = list(batches)
    kept = {row.pk: Counts(row.total, row.succeeded, row.failed, row.cancelled) for row in rows}
    moving = [row.pk for row in rows if row.finished_at is None]
    return kept | (count(moving) if moving else {})
