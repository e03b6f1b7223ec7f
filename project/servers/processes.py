"""What runs under a process id, and signals to whole families of processes.

A process id is used again by the system, so a process is known by its id and its start.
"""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")
POLL_SECONDS = 0.02


@dataclass(frozen=True)
class Row:
    pid: int
    parent: int
    state: str  # "Z" is a process that ended and waits for its parent to notice
    command: str  # the program's short name
    start: str  # opaque; differs for a later process with the same id


def started(pid: int) -> str | None:
    """The start of a living process, to be kept with its id; None when it is gone."""
    row = _row(pid)
    return row.start if row is not None and row.state != "Z" else None


def alive(pid: int, start: str | None = None) -> bool:
    """Whether the process lives, and is the one that began at `start` where that is given."""
    now = started(pid)
    return now is not None and start in (None, now)


def program(pid: int) -> str | None:
    """The short name of the program that the process runs."""
    row = _row(pid)
    return row.command if row is not None else None


def knows_folders() -> bool:
    """Whether this system tells in which folder a process works."""
    return PROC.joinpath("self").exists()


def family(pid: int) -> list[int]:
    """The process and all that descend from it, parents first."""
    children: dict[int, list[int]] = {}
    for row in _table():
        children.setdefault(row.parent, []).append(row.pid)
    found = [pid]
    for member in found:
        found.extend(children.get(member, []))
    return found


def working_in(folder: Path, command: str) -> list[int]:
    """Living processes of that program whose working folder is `folder`, parents first.

    Always empty where `knows_folders` is false.
    """
    rows = [row for row in _table() if row.command.startswith(command) and row.state != "Z"]
    found = {row.pid: row.parent for row in rows if _working_folder(row.pid) == folder}
    return sorted(found, key=lambda pid: (found[pid] in found, pid))


def send(pids: Iterable[int], number: signal.Signals) -> None:
    """Signal each process; one that is gone is passed over."""
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def send_group(leader: int, number: signal.Signals) -> None:
    """Signal the process group; a group that is gone, or holds only dead ones, is passed over."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, number)


def kill_family(pid: int) -> None:
    """SIGKILL the process and all that descend from it; they are stopped first so none forks."""
    members: list[int] = []
    while (found := family(pid)) != members:
        members = found
        send(members, signal.SIGSTOP)
    send(members, signal.SIGKILL)


def wait_gone(pids: Iterable[int], seconds: float) -> bool:
    """Wait until all have ended; False when the time is over first."""
    left, deadline = set(pids), time.monotonic() + seconds
    while left := {pid for pid in left if alive(pid)}:
        if time.monotonic() > deadline:
            return False
        time.sleep(POLL_SECONDS)
    return True


def _row(pid: int) -> Row | None:
    if knows_folders():
        return _proc_row(pid)
    return next((row for row in _ps_rows("-p", str(pid))), None)


def _table() -> list[Row]:
    if not knows_folders():
        return _ps_rows("-ax")
    pids = sorted(int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit())
    return [row for row in map(_proc_row, pids) if row is not None]


def _proc_row(pid: int) -> Row | None:
    try:
        text = PROC.joinpath(str(pid), "stat").read_text(errors="replace")
    except OSError:
        return None
    # The name stands in brackets and may itself hold spaces and brackets.
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    # Ticks since the boot never move with the clock, but begin again at the next boot.
    start = f"{_boot()}:{fields[19]}"
    return Row(pid, int(fields[1]), fields[0], head.partition("(")[2], start)


def _boot() -> str:
    return PROC.joinpath("sys/kernel/random/boot_id").read_text().partition("-")[0]


def _ps_rows(*choice: str) -> list[Row]:
    argv = ["/bin/ps", *choice, "-o", "pid=,ppid=,stat=,lstart=,comm="]
    text = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    rows = []
    for line in text.splitlines():
        pid, parent, state, *rest = line.split(None, 8)
        command = Path(rest[5]).name if len(rest) > 5 else ""  # noqa: PLR2004 - lstart is five words
        rows.append(Row(int(pid), int(parent), state[0], command, " ".join(rest[:5])))
    return rows


def _working_folder(pid: int) -> Path | None:
    try:
        return PROC.joinpath(str(pid), "cwd").readlink()
    except OSError:  # gone, or another user's
        return None
