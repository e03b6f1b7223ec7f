"""What each of our private servers promises, shown on the real ones."""

import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from project.servers import processes
from project.servers.ports import free_port, is_free
from project.servers.postgres import Postgres
from project.servers.rabbitmq import RabbitMQ
from project.servers.server import Server
from project.servers.valkey import Valkey
from project.tests.clients import READ, WRITE
from tests.waiting import wait_until

KINDS = ("postgres", "valkey", "rabbitmq")


def make(kind: str, folder: Path, port: int | None = None) -> Server:
    if kind == "postgres":
        return Postgres(folder, "pass'word\"%", port=port)
    return Valkey(folder, 'pass"word\\', port=port) if kind == "valkey" else RabbitMQ(folder, port=port)


@pytest.fixture(scope="module", params=KINDS)
def started(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    server = make(request.param, tmp_path_factory.mktemp(request.param) / "server")
    yield server
    server.stop()


@pytest.fixture
def server(started: Server) -> Server:
    started.start()  # does nothing if the test before left it running
    return started


def test_it_serves_its_url_once_started(server: Server) -> None:
    WRITE[server.name](server)
    assert READ[server.name](server) == "kept"
    assert server.pid is not None
    assert server.answers()


def test_starting_it_twice_changes_nothing(server: Server) -> None:
    before = server.pid
    server.start()
    assert server.pid == before


def test_frozen_it_is_there_and_gives_no_answer(server: Server) -> None:
    server.freeze()
    assert not server.answers()
    assert server.pid is not None
    server.thaw()
    wait_until(server.answers)


def test_it_listens_on_loopback_alone(server: Server) -> None:
    """A server on every address would also answer on a second loopback address."""
    ports = [server.port, *([server.management_port] if isinstance(server, RabbitMQ) else [])]
    for port in ports:
        socket.create_connection(("127.0.0.1", port), timeout=10).close()
        with pytest.raises(OSError, match=r"refused|assign"):
            socket.create_connection(("127.0.0.2", port), timeout=10)


def test_stopped_even_while_frozen_it_leaves_no_process_and_frees_its_port(server: Server) -> None:
    family = processes.family(server.pid or 0)
    server.freeze()
    server.stop()
    server.stop()
    assert server.pid is None
    assert processes.wait_gone(family, 30)
    assert server.using_folder() == []
    assert is_free(server.port or 0)


def test_killed_and_restarted_it_has_its_port_and_its_data(server: Server) -> None:
    WRITE[server.name](server)
    url, family = server.url, processes.family(server.pid or 0)
    server.kill()
    assert processes.wait_gone(family, 30)
    server.restart()
    assert server.url == url
    assert READ[server.name](server) == "kept"


@pytest.mark.parametrize("kind", KINDS)
def test_two_that_want_the_same_port_both_get_one(kind: str, tmp_path: Path) -> None:
    wish = free_port(None)
    servers = [make(kind, tmp_path / name, port=wish) for name in ("one", "two")]
    try:
        with ThreadPoolExecutor() as pool:
            list(pool.map(lambda server: server.start(), servers))
        assert {server.port for server in servers} >= {wish}
        assert len({server.port for server in servers}) == 2
        assert all(server.answers() for server in servers)
    finally:
        for server in servers:
            server.kill()
