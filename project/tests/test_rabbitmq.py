"""RabbitMQ, private to the tests."""

import json
import urllib.request
from base64 import b64encode

import pytest

from project.servers import processes, rabbitmq
from project.servers.rabbitmq import RabbitMQ
from project.servers.server import ServerError


def test_ctl_speaks_to_this_broker(own_rabbitmq: RabbitMQ) -> None:
    assert own_rabbitmq.vhost in own_rabbitmq.ctl("list_vhosts")
    assert own_rabbitmq.user in own_rabbitmq.ctl("list_permissions", "-p", own_rabbitmq.vhost)
    assert "guest" not in own_rabbitmq.ctl("list_users")


def test_a_failing_ctl_says_what_was_wrong(own_rabbitmq: RabbitMQ) -> None:
    with pytest.raises(ServerError, match="no_such_user"):
        own_rabbitmq.ctl("delete_user", "no_such_user")


def test_the_management_pages_answer(own_rabbitmq: RabbitMQ) -> None:
    login = b64encode(f"{own_rabbitmq.user}:{own_rabbitmq.password}".encode()).decode()
    url = f"http://127.0.0.1:{own_rabbitmq.management_port}/api/overview"
    request = urllib.request.Request(url, headers={"Authorization": f"Basic {login}"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        assert json.load(answer)["node"] == own_rabbitmq.node


def test_a_killed_broker_leaves_neither_helpers_nor_a_port_mapper(own_rabbitmq: RabbitMQ) -> None:
    assert own_rabbitmq._epmd is not None
    left = [*processes.family(own_rabbitmq.pid or 0), own_rabbitmq._epmd.pid]
    assert len(left) > 2
    own_rabbitmq.kill()
    assert processes.wait_gone(left, 30)
    own_rabbitmq.restart()
    assert own_rabbitmq.answers()


def test_without_the_package_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rabbitmq, "PLACES", ("/nowhere/rabbitmq-*",))
    with pytest.raises(ServerError, match="apt-get install rabbitmq-server"):
        rabbitmq.scripts()
