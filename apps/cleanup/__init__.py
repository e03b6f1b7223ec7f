"""Deletes what the retention policies of all apps no longer keep.

Owns: RetentionOverride, CleanupRun and the page /cleanup/.
Offers: cleanup_data_task, cleanup_files_task, cleanup_sessions_task; a system check of policies.
Listens to: nothing; it reads POLICIES and FOLDERS of every app's `retention.py`.
Reads: CELERY_TASK_SOFT_TIME_LIMIT.
"""
