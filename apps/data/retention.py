from apps.jobs.retention import FolderPolicy, RetentionPolicy
from apps.jobs.states import FINISHED

POLICIES = [
    RetentionPolicy("imports", "data.Import", "finished", 90, {"state__in": sorted(FINISHED)}, ("file",)),
    RetentionPolicy("rejected rows", "data.RowError", "created", 30),
]
FOLDERS = [FolderPolicy("imports", 7), FolderPolicy("pipeline", 7)]
