"""What people see of batches, as plain values."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext as _

from apps.batches.counting import Counts, counts_of
from apps.batches.models import Batch, Standing

MOMENTS = ("opened_at", "closed_at", "failed_at", "finished_at", "cancelled_at")
UNCLOSED = "unclosed"  # open, and somebody has yet to close it
STATES = ("open", *(state for state in Standing.values if state))


def in_state(batches: QuerySet[Batch], asked: str) -> QuerySet[Batch]:
    """Those in one of STATES, or UNCLOSED."""
    if asked == UNCLOSED:
        return batches.filter(finished_at=None, closed_at=None)
    return batches.filter(outcome="" if asked == "open" else asked)


def state(batch: Batch) -> str:
    """One of STATES."""
    return str(batch.outcome or "open")


def progress(counts: Counts) -> str:
    """In words: 740 of 1000 done (74 %), 12 failed."""
    if not counts.total:
        return _("no jobs")
    said = _("%(done)d of %(total)d done (%(percent)d %%)") % {
        "done": counts.done,
        "total": counts.total,
        "percent": counts.percent,
    }
    failed = _("%d failed") % counts.failed if counts.failed else ""
    cancelled = _("%d cancelled") % counts.cancelled if counts.cancelled else ""
    return ", ".join(filter(None, [said, failed, cancelled]))


def under_way(most: int) -> list[tuple[Batch, Counts]]:
    """The youngest of those that are open and in no other batch, with their figures."""
    rows = list(Batch.objects.filter(finished_at=None, parent=None).order_by("-id")[:most])
    counts = counts_of(rows)
    return [(row, counts[row.pk]) for row in rows]


def documents(batches: Iterable[Batch]) -> list[dict[str, Any]]:
    rows = list(batches)
    counts = counts_of(rows)
    return [document(row, counts[row.pk]) for row in rows]


def document(batch: Batch, counts: Counts) -> dict[str, Any]:
    moments = {name: found.isoformat() if (found := getattr(batch, name)) else None for name in MOMENTS}
    return {
        "id": batch.pk,
        "name": batch.name,
        "state": state(batch),
        "round": batch.round,
        "parent": batch.parent_id,
        **asdict(counts),
        "open": counts.open,
        "percent": counts.percent,
        "progress": progress(counts),
        **moments,
        "cancelled_by": batch.cancelled_by,
        "cancelled_why": batch.cancelled_why,
        "opener": batch.opener,
        "callbacks": batch.callbacks,
    }
