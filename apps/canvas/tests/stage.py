"""A broker with a worker that knows the handbook's examples, and a recorder that does all its duties."""

from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app
from kombu import Connection

from apps.jobs import publishing, reading
from apps.jobs.tests.lives import running
from project import broker, topology
from project.broker import declare
from tests.waiting import RecorderProcess, WorkerProcess, ended, wait_until

TASKS = "apps.canvas.tests.sample_tasks,apps.canvas.tests.handbook"
DUTIES = [part for name in ("record", "relay", "sweep", "watch") for part in ("--only", name)]


SECONDS = 30


class Stage:
    def __init__(self, url: str, management_url: str = "") -> None:
        self.url = url
        self.environment = {"CELERY_BROKER_URL": url, "SWEEP_AFTER_SECONDS": "4"}
        if management_url:
            self.environment["CELERY_BROKER_MANAGEMENT_URL"] = management_url

    def open(self) -> Iterator["Stage"]:
        with Connection(self.url, transport_options=broker.transport_options(self.url)) as connection:
            declare(connection, [broker.work_queue(row, self.url) for row in topology.expand_queues([])])
        worker = WorkerProcess("-I", TASKS, concurrency=2, environment=self.environment)
        with running(worker, RecorderProcess(*DUTIES, environment=self.environment)):
            yield self


def move_here(stage: Stage, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """From now on this process publishes there."""
    monkeypatch.setattr(publishing, "_publisher", [])  # the one there is has a connection elsewhere
    conf: Any = current_app.conf
    for name in ("broker_read_url", "broker_write_url"):
        monkeypatch.setitem(conf, name, stage.url)
    monkeypatch.setitem(conf, "broker_transport_options", broker.transport_options(stage.url))
    monkeypatch.setattr(current_app, "_pool", None)
    monkeypatch.setattr(current_app.amqp, "_producer_pool", None)
    settings.PUBLISH_OPTIONS = broker.publish_options(stage.url)
    settings.PUBLISHER_EXCHANGES = broker.publisher_exchanges(stage.url)
    settings.NOTICES_EXCHANGE = broker.notices_exchange(stage.url)


def job_of(task: str, number: int = 0) -> reading.JobView:
    """The n-th job of the task, once it has ended."""

    def look() -> list[reading.JobView]:
        found = reading.latest(task=task)
        return found if len(found) > number else []

    return ended(wait_until(look, SECONDS, f"a job of {task}")[::-1][number].id, SECONDS)
