"""Finding the ledger's result backend without loading it, which takes Redis's client along."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.jobs.results import LedgerBackend


def ledger_backend(owner: Any) -> "LedgerBackend | None":
    """The backend of an app or task; None where it is another one, which tells the ledger nothing."""
    backend = owner.backend
    return backend if getattr(backend, "tells_the_ledger", False) else None
