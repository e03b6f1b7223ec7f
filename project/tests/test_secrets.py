"""var/secrets.json: passwords and keys made once."""

import stat
import subprocess
import sys
from pathlib import Path

import pytest

from project.servers import secrets
from project.servers.guarding import ROOT
from project.servers.private_files import UnreadableError
from project.servers.secrets import get_or_make, secret

ASK = """
import sys
from pathlib import Path
from project.servers.secrets import get_or_make
input()
made = get_or_make(Path(sys.argv[1]), "key")
print(made.value, made.is_new)
"""


def test_a_secret_stays_what_it_is(tmp_path: Path) -> None:
    assert secret(tmp_path / "var", "key") == secret(tmp_path / "var", "key")
    assert len(secret(tmp_path / "var", "key")) >= 40


def test_each_name_has_a_secret_of_its_own(tmp_path: Path) -> None:
    first = secret(tmp_path, "first")
    assert secret(tmp_path, "second") != first
    assert secret(tmp_path, "first") == first


def test_only_the_call_that_made_it_hears_that_it_is_new(tmp_path: Path) -> None:
    assert [get_or_make(tmp_path, "key").is_new for _ in range(3)] == [True, False, False]


def test_processes_that_ask_at_the_same_time_agree(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", ASK, str(tmp_path)]
    asking = [
        subprocess.Popen(argv, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for _ in range(6)
    ]
    for process in asking:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate()[0].split() for process in asking]
    assert len({value for value, _ in answers}) == 1
    assert [new for _, new in answers].count("True") == 1


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    secret(tmp_path, "key")
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {0o600}


@pytest.mark.parametrize("text", ["", "not json", '["key"]', '{"key": 5}', '{"key": ""}'])
def test_a_damaged_file_is_named_and_left_as_it_is(tmp_path: Path, text: str) -> None:
    (tmp_path / secrets.FILE).write_text(text)
    with pytest.raises(UnreadableError, match=secrets.FILE):
        secret(tmp_path, "key")
    assert (tmp_path / secrets.FILE).read_text() == text
