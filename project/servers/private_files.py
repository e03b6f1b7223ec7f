"""Files that only their owner may read: written whole or not at all, changed under a lock."""

import contextlib
import fcntl
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

OWNER_ONLY = 0o600


class UnreadableError(Exception):
    """A file of ours does not hold what we wrote there."""


def read_object(path: Path) -> dict[str, Any]:
    """The JSON object in the file; empty when there is no file. Raises UnreadableError."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UnreadableError(f"{path} cannot be read: {error}") from error
    if not isinstance(value, dict):
        raise UnreadableError(f"{path} should hold a JSON object.")
    return value


def write_object(path: Path, value: dict[str, Any]) -> None:
    # A temporary file is made with mode 600, and a rename keeps it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(value, file, indent=2, sort_keys=True)
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock of this file against every other process and thread."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    handle = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, OWNER_ONLY)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield
    finally:
        os.close(handle)
