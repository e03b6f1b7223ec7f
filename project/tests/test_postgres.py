"""PostgreSQL in a folder of ours."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from project.servers import postgres
from project.servers.postgres import Postgres, installed_versions
from project.servers.server import ServerError


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Postgres]:
    server = Postgres(tmp_path / "pg", "first", durable=False)
    yield server
    server.kill()


def ask(server: Postgres, question: str) -> str:
    with psycopg.connect(server.url) as link:
        row = link.execute(question.encode()).fetchone()
    assert row is not None
    return str(row[0])


def test_text_is_utf8_and_sorts_the_same_on_every_machine(server: Postgres) -> None:
    server.start()
    assert ask(server, "SHOW server_encoding") == "UTF8"
    assert ask(server, "SELECT 'Z' < 'a' AND lower('Ä') = 'ä'") == "True"


def test_a_wrong_password_is_refused(server: Postgres) -> None:
    server.start()
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(server.url.replace("first", "wrong"))


@pytest.mark.parametrize(("durable", "fsync"), [(True, "on"), (False, "off")])
def test_only_a_durable_one_waits_for_the_disk(tmp_path: Path, durable: bool, fsync: str) -> None:
    server = Postgres(tmp_path / "pg", "first", durable=durable)
    try:
        server.start()
        assert ask(server, "SHOW fsync") == fsync
        assert ask(server, "SHOW max_connections") == "200"
    finally:
        server.kill()


def test_a_new_password_holds_from_the_next_start(server: Postgres) -> None:
    server.start()
    server.stop()
    server.password = "second's"
    server.start()
    assert ask(server, "SELECT 1") == "1"


def test_a_pid_file_whose_process_is_another_program_is_no_obstacle(server: Postgres) -> None:
    server.start()
    pid_file = server.data / "postmaster.pid"
    left = pid_file.read_text().splitlines()
    server.kill()
    pid_file.write_text("\n".join([str(os.getppid()), *left[1:]]))
    server.start()
    assert server.answers()


def test_a_run_that_was_cut_off_leaves_no_half_made_data(server: Postgres) -> None:
    half_made = server.folder / "making-cut"
    (half_made / "data").mkdir(parents=True)
    server.start()
    assert server.answers()
    assert not half_made.exists()


def test_a_second_server_in_the_same_folder_is_refused_with_the_pid(server: Postgres) -> None:
    server.start()
    with pytest.raises(ServerError, match=f"already runs in .* with process id {server.pid}"):
        Postgres(server.folder, "first").start()
    assert server.answers()


def test_leftovers_of_a_killed_run_can_be_ended(server: Postgres) -> None:
    server.start()
    pid = server.pid
    assert Postgres(server.folder, "first").end_leftovers()[0] == pid
    assert server.pid is None
    server.start()
    assert server.answers()


def test_data_of_a_version_that_is_not_installed_is_refused(server: Postgres) -> None:
    server.data.mkdir(parents=True)
    (server.data / "PG_VERSION").write_text("12\n")
    with pytest.raises(ServerError, match=r"made by PostgreSQL 12, but installed are \d+"):
        server.start()


def test_data_stays_with_the_version_that_made_it(server: Postgres, monkeypatch: pytest.MonkeyPatch) -> None:
    versions = installed_versions()
    oldest = min(versions)
    with monkeypatch.context() as patch:
        patch.setattr(postgres, "installed_versions", lambda: {oldest: versions[oldest]})
        server.start()
        server.stop()
    server.start()
    assert ask(server, "SHOW server_version").startswith(f"{oldest}.")


def test_a_new_folder_gets_the_newest_version(server: Postgres) -> None:
    server.start()
    assert ask(server, "SHOW server_version").startswith(f"{max(installed_versions())}.")


def test_a_start_that_fails_says_why(server: Postgres) -> None:
    server.start()
    server.stop()
    (server.data / "postgresql.conf").write_text("no_such_option = 1\n")
    with pytest.raises(ServerError, match="no_such_option"):
        server.start()
    assert server.pid is None


def test_a_long_path_with_spaces_will_do(tmp_path: Path) -> None:
    server = Postgres(tmp_path / "a b ü" / ("deep" * 20) / "pg", "first", durable=False)
    try:
        server.start()
        assert ask(server, "SELECT 1") == "1"
    finally:
        server.kill()


def test_only_the_owner_can_look_into_the_folder(server: Postgres) -> None:
    parent_mode = server.folder.parent.stat().st_mode
    server.start()
    assert stat.S_IMODE(server.folder.stat().st_mode) == 0o700
    assert server.folder.parent.stat().st_mode == parent_mode


def test_without_the_wheel_the_error_says_what_to_install(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "WHEEL", "no_such_wheel")
    with pytest.raises(ServerError, match=r"requirements/embedded\.txt"):
        server.start()


def test_root_without_user_namespaces_learns_what_to_do(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "AS_NOBODY", ("false",))
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    with pytest.raises(ServerError, match="Run this as an ordinary user"):
        server.start()
