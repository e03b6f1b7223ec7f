"""How long batches are kept."""

from apps.jobs.retention import RetentionPolicy

# With their members. What has not finished is kept, however old.
POLICIES = [RetentionPolicy("batches", "batches.Batch", "finished_at", keep_days=90)]
