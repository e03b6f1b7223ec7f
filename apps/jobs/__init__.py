"""The engine: submits jobs, runs them, keeps what became of them.

Owns: the Task base class, the result backend, the ledger, its stream, the outbox, events, run rights.
Offers: `submit`, `submit_many`, `submit_chain`, `Call`, `Job`, `once`; acting, arguments, catalog, duties,
    errors, events, commanding, joblog, limits, permissions, progress, reading, retention, states, workers.
Listens to: nothing; it never learns the names of its users.
Reads: JOB_GATE, RETRY_*, TASK_STRICT, ROUTES, PUBLISH_OPTIONS, URGENT_*, STATE_REDIS_URL, LEDGER_*,
    RELAY_GRACE_SECONDS, JOB_ARGUMENTS_MAX_BYTES, REDACTED_NAMES, WORKER_LOST_SECONDS.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from apps.jobs.chaining import submit_chain
    from apps.jobs.effects import once
    from apps.jobs.models import Job
    from apps.jobs.submitting import Call, submit, submit_many

__all__ = ["Call", "Job", "once", "submit", "submit_chain", "submit_many"]

HOMES = {"Job": "models", "once": "effects", "submit_chain": "chaining"}


def __getattr__(name: str) -> Any:
    """Loads the front door when it is first asked for: models can't be imported with the package."""
    if name in __all__:
        return getattr(import_module(f"apps.jobs.{HOMES.get(name, 'submitting')}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
