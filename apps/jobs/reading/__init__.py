"""Read models of jobs, for pages, commands and reports: what the ledger says, nothing of how it is kept."""

from apps.jobs.reading.detailing import Details, details
from apps.jobs.reading.finding import find
from apps.jobs.reading.jobview import JobView, view
from apps.jobs.reading.rows import latest, lines, rows
from apps.jobs.reading.tries import AttemptView, tries
from apps.jobs.submitting import Call

__all__ = [
    "AttemptView",
    "Call",
    "Details",
    "JobView",
    "details",
    "find",
    "latest",
    "lines",
    "rows",
    "tries",
    "view",
]
