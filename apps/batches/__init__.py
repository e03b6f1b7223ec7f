"""Batches: many jobs as one thing, with counts, callbacks, cancel and retry of the whole.

Owns: batches, which jobs belong to them, the submission of their callbacks.
Offers: `open_batch`, `current_batch`, `find_batch`, `Callback`; events batch.failed and batch.finished;
    `manage.py batch`.
Listens to: nothing; the recorder tells it, in the transaction of the ledger, which jobs have ended.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.batches.callbacks import Callback
    from apps.batches.handles import BatchHandle, current_batch, find_batch, open_batch

__all__ = ["BatchHandle", "Callback", "current_batch", "find_batch", "open_batch"]


def __getattr__(name: str) -> Any:
    """Loads the front door when it is first asked for: models can't be imported with the package."""
    if name in __all__:
        home = "callbacks" if name == "Callback" else "handles"
        return getattr(import_module(f"apps.batches.{home}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
