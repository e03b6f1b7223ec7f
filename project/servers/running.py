"""Which embedded servers run and where: var/embedded.json, for every process of this folder."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from project.servers import processes
from project.servers.private_files import UnreadableError, locked, read_object, write_object

FILE = "embedded.json"


@dataclass(frozen=True)
class Entry:
    """A server or a page. The last known URL stays when the process has ended."""

    url: str
    port: int
    pid: int
    start: str  # see processes.started

    @property
    def alive(self) -> bool:
        return processes.alive(self.pid, self.start)


@dataclass(frozen=True)
class Running:
    entries: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def read(cls, var_dir: Path) -> "Running":
        """What is known; empty when nothing was ever started. Raises UnreadableError."""
        path = var_dir / FILE
        return cls({name: _entry(path, name, row) for name, row in read_object(path).items()})

    def urls(self) -> dict[str, str]:
        """Last known URL by name, whether it answers now or not."""
        return {name: entry.url for name, entry in self.entries.items()}

    def url(self, name: str) -> str | None:
        """The URL of one that lives now."""
        return self.entries[name].url if self.alive(name) else None

    def alive(self, name: str) -> bool:
        return name in self.entries and self.entries[name].alive

    def port(self, name: str) -> int | None:
        """Last known port."""
        return self.entries[name].port if name in self.entries else None


def note(var_dir: Path, name: str, url: str, port: int, pid: int) -> None:
    """Remember that `pid` serves `url`. For a page, the pid of whoever keeps it running."""
    entry = Entry(url, port, pid, processes.started(pid) or "")
    path = var_dir / FILE
    with locked(path):
        write_object(path, {**read_object(path), name: asdict(entry)})


def forget(var_dir: Path, names: Iterable[str]) -> None:
    path, gone = var_dir / FILE, set(names)
    with locked(path):
        rows = read_object(path)
        write_object(path, {name: row for name, row in rows.items() if name not in gone})


def _entry(path: Path, name: str, row: Any) -> Entry:
    try:
        return Entry(str(row["url"]), int(row["port"]), int(row["pid"]), str(row["start"]))
    except (KeyError, TypeError, ValueError) as error:
        raise UnreadableError(
            f"{path}: {name} should have url, port, pid and start. Delete the file; "
            "the next `manage.py up` writes it again."
        ) from error
