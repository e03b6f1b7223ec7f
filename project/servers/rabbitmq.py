"""RabbitMQ from the system's package, as a private broker for the tests."""

import os
import re
import secrets
import shutil
import signal
import socket
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

from project.servers import processes
from project.servers.guarding import SERVERS, guard
from project.servers.ports import LOOPBACK, free_port, is_free
from project.servers.server import STOP_SECONDS, Program, Server, ServerError

PLACES = ("/usr/lib/rabbitmq/lib/rabbitmq_server-*", "/opt/rabbitmq*", "/opt/homebrew/opt/rabbitmq")
GREETING = b"AMQP\x00\x00\x09\x01"
FRAME_HEAD_BYTES = 7  # type, channel, and in four bytes the length of what follows
ANSWER_SECONDS = 2
CTL_SECONDS = 120
# The package's own start script changes to another user; these run as the caller.
SCRIPTS = ("rabbitmq-server", "rabbitmqctl")


@dataclass(eq=False)
class RabbitMQ(Server):
    """A broker with one vhost, one administrator and the management pages, on loopback alone.

    It has its own home, cookie and port mapper (epmd), so it neither sees nor disturbs another
    RabbitMQ on this machine.
    """

    user: str = "switchyard"
    vhost: str = "switchyard"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16), repr=False)
    management_port: int = field(default=0, init=False)
    _epmd_port: int = field(default=0, init=False, repr=False)
    _epmd: "subprocess.Popen[bytes] | None" = field(default=None, init=False, repr=False)

    name: ClassVar[str] = "rabbitmq"
    program_name: ClassVar[str] = "beam.smp"
    port_taken: ClassVar[str] = "eaddrinuse"

    @property
    def url(self) -> str:
        return f"amqp://{self.user}:{self.password}@{LOOPBACK}:{self.port}/{self.vhost}"

    @property
    def management_url(self) -> str:
        return f"http://{self.user}:{self.password}@{LOOPBACK}:{self.management_port}"

    @property
    def node(self) -> str:
        return f"switchyard-{self._node_id}@localhost"

    def ctl(self, *arguments: str) -> str:
        """What `rabbitmqctl` prints. Raises ServerError when it fails."""
        argv = [str(scripts() / "rabbitmqctl"), "--quiet", *arguments]
        done = subprocess.run(
            argv, env=self._environment(), cwd=self.folder, stdin=subprocess.DEVNULL, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=CTL_SECONDS, check=False,
        )  # fmt: skip
        if done.returncode != 0:
            raise ServerError(f"rabbitmqctl {' '.join(arguments)}: {done.stdout.strip()}")
        return done.stdout

    def prepare(self) -> None:
        self.management_port = self.management_port or free_port(None)
        for name in ("home", "data"):
            (self.folder / name).mkdir(mode=0o700, exist_ok=True)
        (self.folder / "plugins").write_text("[rabbitmq_management].\n")
        (self.folder / "environment.conf").touch()  # in place of the system's own
        configuration = self.folder / "rabbitmq.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(self._configuration())
        self._start_epmd()

    def program(self) -> Program:
        return Program([str(scripts() / "rabbitmq-server")], self._environment())

    def answers(self) -> bool:
        """The greeting holds the node's name, which tells our broker from another on the port."""
        try:
            with socket.create_connection((LOOPBACK, self.port or 0), ANSWER_SECONDS) as link:
                link.sendall(GREETING)
                stream = link.makefile("rb")
                frame_head = stream.read(FRAME_HEAD_BYTES)
                frame = stream.read(int.from_bytes(frame_head[3:]))
                return self.node.partition("@")[0].encode() in frame
        except OSError:
            return False

    def kill(self) -> None:
        super().kill()
        self._end_epmd()

    @property
    def _node_id(self) -> str:
        """Belongs to the folder: the data of a node can be read under its own name alone."""
        mark = self.folder / "node"
        if not mark.exists():
            mark.write_text(secrets.token_hex(4))
        return mark.read_text()

    def _configuration(self) -> str:
        options = {
            "listeners.tcp.local": f"{LOOPBACK}:{self.port}",
            "management.tcp.ip": LOOPBACK,
            "management.tcp.port": self.management_port,
            "default_user": self.user,
            "default_pass": self.password,
            "default_vhost": self.vhost,
            "default_user_tags.administrator": "true",
        }
        return "".join(f"{name} = {value}\n" for name, value in options.items())

    def _environment(self) -> dict[str, str]:
        foreign = ("RABBITMQ_", "ERL_", "LC_")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
        return {
            **kept,
            "HOME": str(self.folder / "home"),  # holds the cookie
            "LC_ALL": "C.UTF-8",
            "ERL_EPMD_PORT": str(self._epmd_port),
            "ERL_EPMD_ADDRESS": LOOPBACK,
            "ERL_CRASH_DUMP": str(self.folder / "erl_crash.dump"),
            "RABBITMQ_NODENAME": self.node,
            "RABBITMQ_CONF_ENV_FILE": str(self.folder / "environment.conf"),
            "RABBITMQ_CONFIG_FILE": str(self.folder / "rabbitmq.conf"),
            "RABBITMQ_ENABLED_PLUGINS_FILE": str(self.folder / "plugins"),
            "RABBITMQ_MNESIA_BASE": str(self.folder / "data"),
            "RABBITMQ_LOG_BASE": str(self.folder / "data"),
            "RABBITMQ_LOGS": "-",
            "RABBITMQ_PID_FILE": str(self.folder / "pid"),
            "RABBITMQ_DIST_PORT": str(free_port(None)),
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "-kernel inet_dist_use_interface {127,0,0,1}",
            # The script then becomes the broker, rather than a shell that waits for it.
            "RUNNING_UNDER_SYSTEMD": "true",
        }

    def _start_epmd(self) -> None:
        """Erlang would start its port mapper as a daemon that nobody ever stops."""
        self._end_epmd()
        self._epmd_port = free_port(None)
        argv = [epmd(), "-port", str(self._epmd_port), "-address", LOOPBACK]
        self._epmd = subprocess.Popen(
            argv, cwd=self.folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        guard().watch(self._epmd.pid, signal.SIGTERM, STOP_SECONDS, SERVERS + 1)
        deadline = time.monotonic() + STOP_SECONDS
        while is_free(self._epmd_port) and time.monotonic() < deadline:
            time.sleep(processes.POLL_SECONDS)

    def _end_epmd(self) -> None:
        if self._epmd is not None:
            self._epmd.kill()
            self._epmd.wait()
            guard().release(self._epmd.pid)
            self._epmd = None


def scripts() -> Path:
    """The folder of the newest installed version's scripts."""
    found = [place for pattern in PLACES for place in Path("/").glob(pattern.lstrip("/"))]
    whole = [home / "sbin" for home in found if all((home / "sbin" / name).exists() for name in SCRIPTS)]
    if not whole:
        raise ServerError("RabbitMQ is not installed (on Debian: apt-get install rabbitmq-server).")
    return max(whole, key=lambda sbin: [int(number) for number in re.findall(r"\d+", sbin.parent.name)])


def epmd() -> str:
    found = shutil.which("epmd") or next(map(str, Path("/usr/lib/erlang").glob("erts-*/bin/epmd")), None)
    if found is None:
        raise ServerError("Erlang's epmd is not installed (it comes with RabbitMQ's package).")
    return found
