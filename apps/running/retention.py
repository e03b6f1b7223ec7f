"""How long cursors are kept: those of jobs that succeeded go at once (`cursors.forget`)."""

from apps.jobs.retention import RetentionPolicy

POLICIES = [
    # As long as jobs, which may be let run again, or be held by a pause.
    RetentionPolicy("cursors of loops", "running.Cursor", "updated_at", keep_days=90),
]
