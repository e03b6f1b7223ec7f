"""What exists, as data: configuration, topology, shipped schedules; and how it is run."""

from project.celery import app as celery_app

__all__ = ["celery_app"]
