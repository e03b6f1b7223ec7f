"""Free ports."""

import socket
from collections.abc import Iterator

import pytest

from project.servers import ports
from project.servers.ports import ANY, NoFreePortError, free_port, is_free


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", free_port(None)))
        listener.listen()
        yield listener.getsockname()[1]


def test_the_preferred_port_is_taken_when_it_is_free() -> None:
    port = free_port(None)
    assert free_port(port) == port


def test_a_busy_port_gives_the_next_free_one_above(taken: int) -> None:
    assert not is_free(taken)
    assert taken < free_port(taken) < taken + 100


def test_without_a_wish_any_port_will_do() -> None:
    assert free_port(None) in ANY
    assert len({free_port(None) for _ in range(5)}) > 1


def test_a_port_that_somebody_has_on_every_address_is_busy() -> None:
    with socket.socket() as listener:
        listener.bind(("0.0.0.0", free_port(None)))
        listener.listen()
        assert not is_free(listener.getsockname()[1])


def test_a_server_that_just_ended_does_not_keep_its_port(taken: int) -> None:
    port = free_port(taken + 1)
    with socket.create_server(("127.0.0.1", port)) as listener:
        client = socket.create_connection(("127.0.0.1", port))
        peer, _ = listener.accept()
        peer.close()  # the side that closes first stays in TIME_WAIT
        client.close()
    assert is_free(port)


def test_an_address_that_is_not_ours_is_an_error_and_not_a_busy_port() -> None:
    with pytest.raises(NoFreePortError, match=r"Port 8000 on 192\.0\.2\.1 can't be used"):
        free_port(8000, host="192.0.2.1")


def test_no_free_port_at_all_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "is_free", lambda port, host: False)
    with pytest.raises(NoFreePortError, match="from 65000 upwards"):
        free_port(65000)
