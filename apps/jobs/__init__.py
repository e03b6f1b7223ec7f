"""The engine: submits jobs, runs them, keeps what became of them.

Owns: the Task base class, the result backend, run permissions, progress.
Offers: `submit`, `Order`, and the public modules arguments, catalog, commanding, errors,
    permissions, progress, reading, retention, state, states, submitting.
Listens to: nothing; it never learns the names of its users.
Reads: RETRY_*, TASK_STRICT, ROUTES, PUBLISH_OPTIONS, URGENT_*, STATE_REDIS_URL.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.jobs.submitting import Order, Submission, submit

__all__ = ["Order", "Submission", "submit"]


def __getattr__(name: str) -> Any:
    """Loads the front door when it is first asked for: models can't be imported with the package."""
    if name in __all__:
        from apps.jobs import submitting

        return getattr(submitting, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
