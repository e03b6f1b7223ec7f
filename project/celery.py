"""The Celery app. `celery -A project …` finds it here."""

import os
from typing import Any

from celery import Celery
from celery.concurrency import ALIASES as POOLS  # type: ignore[attr-defined] # celery-types doesn't know it
from celery.signals import setup_logging

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

app = Celery("switchyard", task_cls="apps.jobs.task:JobTask", events="project.worker_events:WorkerEvents")
app.config_from_object("django.conf:settings", namespace="CELERY")
# Not by settings: Celery lets the variable CELERY_RESULT_BACKEND, a plain Redis URL, win over them.
app.loader.override_backends = dict.fromkeys(("redis", "rediss"), "apps.canvas.backend:CanvasBackend")
POOLS["threads"] = "project.threads:ThreadPool"
app.steps["worker"].add("apps.jobs.heartbeat:Heartbeat")
app.steps["worker"].add("apps.messaging.listening:Listen")
app.steps["worker"].add("apps.running.watching:WatchCancels")
app.steps["consumer"].add("apps.jobs.heartbeat:LeaveLoop")
app.steps["consumer"].add("apps.gate.following:FollowPauses")


@setup_logging.connect
def keep_django_logging(**_: Any) -> None:
    """Being connected is all: Celery then leaves the loggers as Django's LOGGING set them."""
