"""How long reports are kept; the cleanup family acts on it."""

from apps.jobs.retention import FolderPolicy, RetentionPolicy

POLICIES = [
    RetentionPolicy("reports", "report.Report", "created", keep_days=90, files=("file",)),
]
FOLDERS = [FolderPolicy("reports", keep_days=2)]
