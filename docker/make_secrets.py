#!/usr/bin/env python3
"""Makes the passwords and keys of docker/compose.yaml, in docker/secrets.

Run it as often as you like: a file that exists is never changed. To replace a password, delete its
file and run this again. Files under secrets/servers are derived from the others, for the servers to
read, and follow them. Needs Python 3.8 and its standard library.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import secrets
import sys
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from urllib.parse import unquote, urlsplit

from rabbitmq.definitions import RIGHTS, VHOST, definitions

HERE = Path(__file__).resolve().parent
# Others on this machine are kept out by the folder. The files themselves must be readable by the
# containers' users, whose numbers this machine doesn't know.
FOLDER_MODE, FILE_MODE = 0o700, 0o644
STATE_USERS = ("worker", "web", "recorder")  # of docker/redis/state.acl


def password() -> str:
    return secrets.token_urlsafe(30)


def broker_url(role: str) -> str:
    return f"amqp://{role}:{password()}@rabbitmq:5672/{VHOST}"


def redis_url(role: str) -> str:
    return f"redis://{role}:{password()}@redis-state:6379/0"


MAKERS: dict[str, Callable[[], str]] = {
    "secret_key": lambda: secrets.token_urlsafe(60),
    "webhook_secret": password,
    "flower_basic_auth": lambda: f"admin:{password()}",
    "postgres_admin_password": password,
    "database_url": lambda: f"postgresql://switchyard:{password()}@postgres:5432/switchyard",
    **{f"redis_url_{role}": partial(redis_url, role) for role in STATE_USERS},
    "cache_url": lambda: f"redis://cache:{password()}@redis-cache:6379/0",
    # No secret until you put your mail server here: smtp+tls://user:password@mail.example.com:587
    "email_url": lambda: "file:///var/lib/switchyard/mail",
    **{f"broker_url_{role}": partial(broker_url, role) for role in RIGHTS},
}


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--folder", type=Path, default=HERE / "secrets", help="where to put them")
    folder: Path = parser.parse_args().folder
    os.umask(0o077)
    made = [name for name in MAKERS if make(folder / f"{name}.txt", MAKERS[name])]
    try:
        for name, text in derived(folder).items():
            replace(folder / "servers" / name, text)
    except BadSecret as error:
        sys.stderr.write(f"{error}\n")
        return 1
    say(f"made {', '.join(made)}" if made else "nothing to make: every file is there")
    say(f"Flower's name and password: {folder / 'flower_basic_auth.txt'}")
    say(f"RabbitMQ's pages: the name monitor and its password in {folder / 'broker_url_monitor.txt'}")
    return 0


class BadSecret(Exception):
    """A file was edited into something that can't be used; the text names it."""


def make(path: Path, maker: Callable[[], str]) -> bool:
    """Whether it was missing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.parent.chmod(FOLDER_MODE)
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    except FileExistsError:
        return False
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(f"{maker()}\n")
    path.chmod(FILE_MODE)
    return True


def derived(folder: Path) -> dict[str, str]:
    """What the servers read, by file name. Raises BadSecret."""
    brokers = {role: password_of(folder / f"broker_url_{role}.txt") for role in RIGHTS}
    state = {role: password_of(folder / f"redis_url_{role}.txt") for role in STATE_USERS}
    return {
        "postgres_password.txt": f"{password_of(folder / 'database_url.txt')}\n",
        "rabbitmq_definitions.json": f"{json.dumps(definitions(brokers), indent=2)}\n",
        "redis_state_users.acl": users(HERE / "redis" / "state.acl", state),
        "redis_cache_users.acl": users(
            HERE / "redis" / "cache.acl", {"cache": password_of(folder / "cache_url.txt")}
        ),
    }


def password_of(path: Path) -> str:
    """The one in the URL that the file holds."""
    try:
        found = urlsplit(path.read_text(encoding="utf-8").strip()).password
    except ValueError as error:
        raise BadSecret(f"{path}: expected a URL ({error})") from None
    if not found:
        raise BadSecret(f"{path}: expected a URL with a password in it, scheme://name:password@host")
    return unquote(found)


def users(template: Path, passwords: Mapping[str, str]) -> str:
    """Redis's own file of users: the template without comments, with a hash for each password."""
    lines = template.read_text(encoding="utf-8").splitlines(keepends=True)
    text = "".join(line for line in lines if not line.startswith("#"))
    for name, value in passwords.items():
        text = text.replace(f"{{{name}}}", hashlib.sha256(value.encode()).hexdigest())
    return text


def replace(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    if path.exists() and path.read_text(encoding="utf-8") == text:
        return
    fresh = path.with_suffix(".new")
    fresh.unlink(missing_ok=True)
    fresh.write_text(text, encoding="utf-8")
    fresh.chmod(FILE_MODE)
    fresh.replace(path)


def say(words: str) -> None:
    sys.stdout.write(f"{words}\n")


if __name__ == "__main__":
    sys.exit(main())
