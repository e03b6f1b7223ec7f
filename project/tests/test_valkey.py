"""Valkey in a folder of ours."""

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis

from project.servers import valkey
from project.servers.server import ServerError
from project.servers.valkey import Valkey


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Valkey]:
    server = Valkey(tmp_path / "vk", "secret")
    yield server
    server.kill()


def link(server: Valkey) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True)


def setting(server: Valkey, name: str) -> str:
    with link(server) as client:
        return str(client.config_get(name)[name])


def test_nothing_is_thrown_out_to_make_room(server: Valkey) -> None:
    server.start()
    assert setting(server, "maxmemory-policy") == "noeviction"
    assert setting(server, "databases") == "16"


def test_without_the_password_nothing_is_answered(server: Valkey) -> None:
    server.start()
    with redis.Redis(port=server.port or 0) as client, pytest.raises(redis.AuthenticationError):
        client.ping()


@pytest.mark.parametrize(("durable", "kept"), [(True, "here"), (False, None)])
def test_only_a_durable_one_remembers_over_a_stop(tmp_path: Path, durable: bool, kept: str | None) -> None:
    server = Valkey(tmp_path / "vk", "secret", durable=durable)
    try:
        server.start()
        with link(server) as client:
            client.set("note", "here")
        server.restart()
        with link(server) as client:
            assert client.get("note") == kept
    finally:
        server.kill()


def test_the_password_is_in_no_command_line_and_only_the_owner_reads_the_file(server: Valkey) -> None:
    server.start()
    assert stat.S_IMODE(server.configuration.stat().st_mode) == 0o600
    assert "secret" not in " ".join(server.program().argv)


def test_a_start_that_fails_says_why(server: Valkey) -> None:
    server.folder.mkdir()
    (server.folder / "appendonlydir").write_text("a file where a folder should be")
    with pytest.raises(ServerError, match="appendonlydir"):
        server.start()
    assert server.pid is None


def test_without_the_wheel_the_error_says_what_to_install(
    server: Valkey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(valkey, "WHEEL", "no_such_wheel")
    with pytest.raises(ServerError, match=r"requirements/embedded\.txt"):
        server.start()
