"""Each broker in turn, and no recorder that writes of jobs of earlier tests."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.messaging.tests.places import Place, move_here
from project.servers.valkey import Valkey
from tests.vhosts import Vhost


@pytest.fixture(scope="module")
def rabbitmq_place(vhost: Vhost, no_others: None) -> Place:
    return Place(vhost.url, vhost.management_url)


@pytest.fixture(scope="module")
def valkey_place(tmp_path_factory: pytest.TempPathFactory, no_others: None) -> Iterator[Place]:
    server = Valkey(Path(tmp_path_factory.mktemp("messages")) / "valkey", "test-password", durable=False)
    server.start()
    yield Place(server.url)
    server.kill()


@pytest.fixture(params=["rabbitmq", "valkey"])
def place(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Place:
    """The broker that this process uses: RabbitMQ, then the embedded one."""
    found: Place = request.getfixturevalue(f"{request.param}_place")
    move_here(found, monkeypatch, settings)
    return found


@pytest.fixture
def rabbitmq(rabbitmq_place: Place, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Place:
    """For what only RabbitMQ has."""
    move_here(rabbitmq_place, monkeypatch, settings)
    return rabbitmq_place
