"""docker/make_secrets.py, run as people run it."""

import hashlib
import json
import stat
import subprocess
from base64 import b64decode
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.docker.composition import DOCKER, ours, secret_files
from tests.docker.stack import make_secrets


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    make_secrets(tmp_path / "secrets")
    return tmp_path / "secrets"


def contents(folder: Path) -> dict[str, str]:
    return {str(path.relative_to(folder)): path.read_text() for path in folder.rglob("*") if path.is_file()}


def password(folder: Path, name: str) -> str:
    return urlsplit((folder / f"{name}.txt").read_text().strip()).password or ""


def test_it_makes_exactly_what_compose_asks_for(folder: Path) -> None:
    assert contents(folder).keys() == set(secret_files().values())


def test_a_second_run_changes_nothing(folder: Path) -> None:
    before = contents(folder)
    assert "nothing to make" in make_secrets(folder)
    assert contents(folder) == before


def test_two_places_share_no_secret(folder: Path, tmp_path: Path) -> None:
    make_secrets(tmp_path / "other")
    mine, others = contents(folder), contents(tmp_path / "other")
    assert [name for name in mine if mine[name] == others[name]] == ["email_url.txt"]


def test_no_password_is_used_twice(folder: Path) -> None:
    texts = [text for name, text in contents(folder).items() if "/" not in name]
    passwords = [urlsplit(text.strip()).password or text.strip().rpartition(":")[2] for text in texts]
    assert len(set(passwords)) == len(passwords)
    assert all(len(value) >= 30 for value in passwords if not value.startswith("//"))


def test_only_its_owner_gets_into_the_folder(folder: Path) -> None:
    """The files are open, as a container's user has a number of its own."""
    folders = [folder, folder / "servers"]
    assert {stat.S_IMODE(path.stat().st_mode) for path in folders} == {0o700}
    files = [path for path in folder.rglob("*") if path.is_file()]
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o644}


def test_a_deleted_file_is_made_anew_and_the_servers_follow(folder: Path) -> None:
    before = contents(folder)
    (folder / "redis_url_web.txt").unlink()
    assert "made redis_url_web" in make_secrets(folder)
    after = contents(folder)
    changed = {name for name in after if after[name] != before[name]}
    assert changed == {"redis_url_web.txt", "servers/redis_state_users.acl"}


def test_a_server_of_your_own_is_kept(folder: Path) -> None:
    mine = "postgresql://jobs:p%40ss@db.example.com/jobs\n"
    (folder / "database_url.txt").write_text(mine)
    make_secrets(folder)
    assert (folder / "database_url.txt").read_text() == mine
    assert (folder / "servers" / "postgres_password.txt").read_text() == "p@ss\n"


@pytest.mark.parametrize("text", ["", "hunter2", "redis://redis-state:6379/0", "http://[broken"])
def test_a_file_without_a_password_is_named(folder: Path, text: str) -> None:
    before = contents(folder)
    (folder / "redis_url_web.txt").write_text(text)
    with pytest.raises(subprocess.CalledProcessError) as caught:
        make_secrets(folder)
    assert "redis_url_web.txt: expected a URL" in caught.value.stderr
    assert "Traceback" not in caught.value.stderr
    assert contents(folder) == before | {"redis_url_web.txt": text}


def test_the_broker_gets_hashes_alone(folder: Path) -> None:
    text = (folder / "servers" / "rabbitmq_definitions.json").read_text()
    for user in json.loads(text)["users"]:
        secret = password(folder, f"broker_url_{user['name']}")
        whole = b64decode(user["password_hash"])
        assert whole[4:] == hashlib.sha256(whole[:4] + secret.encode()).digest()
        assert secret not in text


def test_redis_gets_hashes_alone(folder: Path) -> None:
    state = (folder / "servers" / "redis_state_users.acl").read_text()
    for name in ("redis_url_web", "redis_url_worker", "redis_url_recorder"):
        assert f"#{hashlib.sha256(password(folder, name).encode()).hexdigest()} " in state
        assert password(folder, name) not in state
    assert "{" not in state
    assert all(line.startswith("user ") for line in state.splitlines())


def test_every_process_signs_in_as_its_own_role(folder: Path) -> None:
    users = {
        service: {urlsplit((folder / f"{name}.txt").read_text()).username for name in row["secrets"]
                  if name.startswith(("broker_url", "redis_url"))}
        for service, row in ours().items()
    }  # fmt: skip
    assert users == {
        "migrate": {"topology", "web"}, "web": {"web"}, "beat": {"web"}, "worker": {"worker"},
        "urgent": {"worker"}, "io": {"worker"}, "heavy": {"worker"},
        "recorder": {"recorder"}, "flower": {"monitor"},
    }  # fmt: skip


def test_git_and_the_image_leave_the_secrets_alone() -> None:
    assert "secrets/" in (DOCKER / ".gitignore").read_text().splitlines()
    ignored = (DOCKER.parent / ".dockerignore").read_text().splitlines()
    assert ignored[1] == "*", "all is kept out but what is let in by name"
    assert [line for line in ignored if line.startswith("!") and ("secret" in line or "env" in line)] == []
