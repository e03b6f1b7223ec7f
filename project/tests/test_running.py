"""var/embedded.json: which servers run and where."""

import os
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from project.servers import running
from project.servers.private_files import UnreadableError, read_object, write_object
from project.servers.running import Running

URL = "redis://:secret@127.0.0.1:63790/0"


def note(var: Path, pid: int, name: str = "valkey") -> None:
    running.note(var, name, URL, 63790, pid)


def test_a_folder_where_nothing_ever_ran_knows_nothing(tmp_path: Path) -> None:
    known = Running.read(tmp_path / "var")
    assert known.urls() == {}
    assert known.url("valkey") is None
    assert known.port("valkey") is None


def test_a_server_that_lives_is_found(tmp_path: Path) -> None:
    note(tmp_path, os.getpid())
    known = Running.read(tmp_path)
    assert known.alive("valkey")
    assert known.url("valkey") == URL
    assert known.port("valkey") == 63790


def test_a_server_that_ended_leaves_its_last_url(tmp_path: Path) -> None:
    popen = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    note(tmp_path, popen.pid)
    popen.communicate()
    known = Running.read(tmp_path)
    assert not known.alive("valkey")
    assert known.url("valkey") is None
    assert known.urls() == {"valkey": URL}


def test_another_process_with_the_same_id_is_not_the_server(tmp_path: Path) -> None:
    note(tmp_path, os.getpid())
    path = tmp_path / running.FILE
    rows = read_object(path)
    rows["valkey"]["start"] = "an earlier life"
    write_object(path, rows)
    assert not Running.read(tmp_path).alive("valkey")


def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    note(tmp_path, os.getpid())
    assert stat.S_IMODE((tmp_path / running.FILE).stat().st_mode) == 0o600


def test_writers_at_the_same_time_lose_nothing(tmp_path: Path) -> None:
    names = [f"server{number}" for number in range(20)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: note(tmp_path, os.getpid(), name), names))
    assert sorted(Running.read(tmp_path).entries) == sorted(names)


def test_what_is_forgotten_is_gone_and_the_rest_stays(tmp_path: Path) -> None:
    note(tmp_path, os.getpid())
    note(tmp_path, os.getpid(), "web")
    running.forget(tmp_path, ["web", "never known"])
    assert list(Running.read(tmp_path).entries) == ["valkey"]


@pytest.mark.parametrize("text", ["", "[]", "{", '{"valkey": {"url": "redis://"}}', '{"valkey": 5}'])
def test_a_damaged_file_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / running.FILE).write_text(text)
    with pytest.raises(UnreadableError, match=running.FILE):
        Running.read(tmp_path)
