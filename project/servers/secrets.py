"""Passwords and keys made once for this folder and kept in var/secrets.json."""

import secrets
from dataclasses import dataclass
from pathlib import Path

from project.servers.private_files import UnreadableError, locked, read_object, write_object

FILE = "secrets.json"
LENGTH_BYTES = 32


@dataclass(frozen=True)
class Secret:
    value: str
    is_new: bool  # made by this very call, so nobody has seen it yet


def secret(var_dir: Path, name: str) -> str:
    """The secret of that name, made at the first call; safe in a URL.

    Raises UnreadableError when the file holds something else than we wrote.
    """
    return get_or_make(var_dir, name).value


def get_or_make(var_dir: Path, name: str) -> Secret:
    """As secret(), and says whether this call made it."""
    path = var_dir / FILE
    known = _value(path, name)  # the usual case takes no lock
    if known is not None:
        return Secret(known, is_new=False)
    with locked(path):
        known = _value(path, name)
        if known is not None:
            return Secret(known, is_new=False)
        made = secrets.token_urlsafe(LENGTH_BYTES)
        write_object(path, {**read_object(path), name: made})
        return Secret(made, is_new=True)


def _value(path: Path, name: str) -> str | None:
    value = read_object(path).get(name)
    if value is not None and not (isinstance(value, str) and value):
        raise UnreadableError(f"{path}: {name} should be a text that is not empty.")
    return value
