"""RabbitMQ, private to the tests."""

import json
import urllib.request
from base64 import b64encode
from collections.abc import Iterator

import pytest

from project.servers import processes, rabbitmq
from project.servers.rabbitmq import RabbitMQ
from project.servers.server import ServerError


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    server = RabbitMQ(tmp_path_factory.mktemp("mq") / "broker")
    server.start()
    yield server
    server.stop()


def test_ctl_speaks_to_this_broker(server: RabbitMQ) -> None:
    assert server.vhost in server.ctl("list_vhosts")
    assert server.user in server.ctl("list_permissions", "-p", server.vhost)
    assert "guest" not in server.ctl("list_users")


def test_a_failing_ctl_says_what_was_wrong(server: RabbitMQ) -> None:
    with pytest.raises(ServerError, match="no_such_user"):
        server.ctl("delete_user", "no_such_user")


def test_the_management_pages_answer(server: RabbitMQ) -> None:
    login = b64encode(f"{server.user}:{server.password}".encode()).decode()
    url = f"http://127.0.0.1:{server.management_port}/api/overview"
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {login}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["node"] == server.node


def test_a_killed_broker_leaves_neither_helpers_nor_a_port_mapper(server: RabbitMQ) -> None:
    assert server._epmd is not None
    left = [*processes.family(server.pid or 0), server._epmd.pid]
    assert len(left) > 2
    server.kill()
    assert processes.wait_gone(left, 30)
    server.restart()
    assert server.answers()


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "PLACES", ("/nowhere/rabbitmq-*",))
    with pytest.raises(ServerError, match="apt-get install rabbitmq-server"):
        rabbitmq.scripts()
