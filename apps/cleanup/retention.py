"""Sessions, which no other app owns, and the cleanup's own history."""

from apps.jobs.retention import RetentionPolicy

SESSIONS = "expired sessions"

RUN = "cleanup.CleanupRun"

POLICIES = [
    RetentionPolicy(SESSIONS, "sessions.Session", "expire_date", keep_days=1),
    RetentionPolicy("cleanup runs", RUN, "started_at", keep_days=365, only={"dry_run": False}),
    RetentionPolicy("cleanup dry runs", RUN, "started_at", keep_days=7, only={"dry_run": True}),
]
