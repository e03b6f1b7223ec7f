"""One of the two brokers, for this process and for processes of its own."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from celery import current_app
from kombu import Connection

from apps.jobs import publishing
from apps.messaging.subscribing import DECLARED, Declared
from apps.messaging.tests.sample_tasks import note_task
from project import broker, topology
from project.broker import Wanted, declare
from project.topology import SubscriptionRow
from tests.waiting import RecorderProcess, WorkerProcess, of_test_database

NEWSROOM = "apps.messaging.tests.newsroom"
OF_MESSAGES = [part for name in ("events", "subscriptions", "broadcasts") for part in ("--only", name)]


class Place:
    """A broker with the topology. `environment` brings a process to it, with the newsroom's subscribers."""

    def __init__(self, url: str, management_url: str = "") -> None:
        self.url, self.amqp = url, broker.is_amqp(url)
        self.environment = {"CELERY_BROKER_URL": url, "DJANGO_SETTINGS_MODULE": f"{NEWSROOM}.settings"}
        if management_url:
            self.environment["CELERY_BROKER_MANAGEMENT_URL"] = management_url

    def manage(self, *words: str) -> str:
        done = subprocess.run(
            [sys.executable, "manage.py", *words], capture_output=True, text=True, timeout=60, check=False,
            env=os.environ | of_test_database() | self.environment,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout

    def recorder(self, *more: str) -> RecorderProcess:
        return RecorderProcess(*OF_MESSAGES, *more, environment=self.environment)

    def worker(self, *words: str) -> WorkerProcess:
        return WorkerProcess(*words, environment=self.environment)

    @contextmanager
    def channel(self) -> Iterator[Any]:
        with self.connect() as connection:
            yield connection.default_channel

    def connect(self) -> Any:
        return Connection(self.url, transport_options=broker.transport_options(self.url))

    def declare(self, *rows: SubscriptionRow) -> None:
        queues = [broker.work_queue(row, self.url) for row in topology.expand_queues([])]
        with self.connect() as connection:
            declare(connection, queues, Wanted(rows, tuple(topology.expand_lanes())))


def move_here(place: Place, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    """From now on this process publishes there and reads there."""
    monkeypatch.setattr(publishing, "_publisher", [])  # the one there is has a connection elsewhere
    conf: Any = current_app.conf
    for name in ("broker_read_url", "broker_write_url"):
        monkeypatch.setitem(conf, name, place.url)
    monkeypatch.setitem(conf, "broker_transport_options", broker.transport_options(place.url))
    settings.PUBLISH_OPTIONS = broker.publish_options(place.url)
    settings.PUBLISHER_EXCHANGES = broker.publisher_exchanges(place.url)
    settings.NOTICES_EXCHANGE = broker.notices_exchange(place.url)
    if "CELERY_BROKER_MANAGEMENT_URL" in place.environment:
        settings.BROKER_MANAGEMENT_URL = place.environment["CELERY_BROKER_MANAGEMENT_URL"]


@contextmanager
def subscribed(place: Place, **patterns: str) -> Iterator[None]:
    """Subscriptions of these names, whose task is the sample's."""
    DECLARED.update({name: Declared(name, pattern, note_task.name) for name, pattern in patterns.items()})
    try:
        place.declare(*(SubscriptionRow(name, pattern) for name, pattern in patterns.items()))
        yield
    finally:
        for name in patterns:
            DECLARED.pop(name)
