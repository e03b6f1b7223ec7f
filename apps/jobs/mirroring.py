"""The database side of results: django-celery-results' own backend."""

from django_celery_results.backends.database import DatabaseBackend


class Mirror(DatabaseBackend):
    """Rows leave by our retention policies, so no setting about expiry concerns it."""

    supports_failure_expires = True
