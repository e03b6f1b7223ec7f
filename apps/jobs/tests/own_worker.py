"""A worker on a virtual host of its own that knows the tasks of acting_tasks."""

from collections.abc import Iterator
from typing import Any

from django.conf import settings
from kombu import Connection

from project.broker import declare
from tests.vhosts import Vhost
from tests.waiting import WorkerProcess

KNOWN = "apps.jobs.tests.acting_tasks,apps.jobs.joblog"


def own_worker_on(vhost: Vhost, *options: str) -> Iterator[WorkerProcess]:
    declare_on(vhost)
    process = WorkerProcess("-I", KNOWN, *options, environment={"CELERY_BROKER_URL": vhost.url})
    process.start()
    yield process
    process.stop()


def declare_on(vhost: Vhost) -> None:
    with Connection(vhost.url) as connection:
        declare(connection, settings.CELERY_TASK_QUEUES)


def send(url: str, task: Any, *args: Any, **kwargs: Any) -> str:
    """Publishes there, as a plain `.delay()` does, and returns the job's id."""
    with Connection(url) as connection:
        return str(task.apply_async(args, kwargs, connection=connection).id)
