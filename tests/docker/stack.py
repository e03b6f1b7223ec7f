"""The servers of docker/compose.yaml on this machine, and its processes started as the image does."""

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from project.servers.ports import LOOPBACK
from project.servers.postgres import Postgres, installed_versions
from project.servers.rabbitmq import RabbitMQ
from project.servers.server import Program
from project.servers.valkey import Valkey, binary
from tests.docker.composition import DOCKER, ROOT, environment, secret_files, services
from tests.together import at_once
from tests.waiting import wait_until

NOT_IN_OLD_RABBITMQ = ("deprecated_features.",)
NOT_IN_OLD_POLICIES = {"delayed-retry-type", "delayed-retry-min", "delayed-retry-max"}
FOREIGN = ("CELERY_", "FLOWER_", "SWITCHYARD_", "DATABASE_", "REDIS_", "VAR_ROOT", "PYTEST_")
STOP_SECONDS = 40


def make_secrets(folder: Path) -> str:
    """What docker/make_secrets.py prints. Raises CalledProcessError with its complaint."""
    argv = [sys.executable, str(DOCKER / "make_secrets.py"), "--folder", str(folder)]
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=30)
    if done.returncode:
        raise subprocess.CalledProcessError(done.returncode, argv, done.stdout, done.stderr)
    return done.stdout


@dataclass(eq=False)
class ComposedRabbitMQ(RabbitMQ):
    """With docker/rabbitmq/rabbitmq.conf, but for what the RabbitMQ of the tests is too old for.

    It makes its users from `definitions` when it first starts.
    """

    definitions: Path = field(kw_only=True)

    def _configuration(self) -> str:
        text = (DOCKER / "rabbitmq" / "rabbitmq.conf").read_text()
        kept = [line for line in text.splitlines() if not line.startswith(NOT_IN_OLD_RABBITMQ)]
        here = "\n".join(kept).replace("/run/secrets/rabbitmq_definitions", str(self.definitions))
        return f"{super()._configuration()}{here}\n"


@dataclass(eq=False)
class ComposedRedis(Valkey):
    """A Valkey with one of the files in docker/redis and the users that make_secrets.py made."""

    kind: str = field(kw_only=True)
    users: Path = field(kw_only=True)
    user: str = field(kw_only=True)

    def prepare(self) -> None:
        theirs = (DOCKER / "redis" / f"{self.kind}.conf").read_text()
        here = theirs.replace("dir /data", f"dir {self.folder}")
        self.configuration.write_text(here)

    def program(self) -> Program:
        argv = [
            str(binary()), str(self.configuration), "--bind", LOOPBACK, "--port", str(self.port),
            "--aclfile", str(self.users),
        ]  # fmt: skip
        return Program(argv, {**os.environ, "LC_ALL": "C"})

    def answers(self) -> bool:
        said = self._ask(f"AUTH {self.user} {self.password}", "PING", "INFO server", "QUIT")
        return "\r\n+PONG\r\n" in said and f"\r\nprocess_id:{self.pid}\r\n" in said


class Stack:
    """Everything below the processes. `secret` gives a file as a container would see it."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.secrets = folder, folder / "secrets"
        make_secrets(self.secrets)
        self.rabbitmq = ComposedRabbitMQ(folder / "rabbitmq", definitions=self.definitions_for_old_rabbitmq())
        self.state = self.redis("state", "redis_url_worker")
        self.cache = self.redis("cache", "cache_url")
        self.postgres = Postgres(folder / "postgres", "admin", False, "other", "postgres")
        self.servers = (self.rabbitmq, self.state, self.cache, self.postgres)

    def redis(self, kind: str, secret: str) -> ComposedRedis:
        url = urlsplit((self.secrets / f"{secret}.txt").read_text())
        users = self.secrets / "servers" / f"redis_{kind}_users.acl"
        return ComposedRedis(
            self.folder / kind, url.password or "", kind=kind, users=users, user=url.username or ""
        )

    def start(self) -> None:
        at_once(*(server.start for server in self.servers))
        self.make_role()
        self.first_words = self.run("migrate")

    def stop(self) -> None:
        for server in self.servers:
            server.kill()

    def definitions_for_old_rabbitmq(self) -> Path:
        whole = json.loads((self.secrets / "servers" / "rabbitmq_definitions.json").read_text())
        for policy in whole["policies"]:
            for name in NOT_IN_OLD_POLICIES & policy["definition"].keys():
                del policy["definition"][name]
        old = self.folder / "definitions.json"
        old.write_text(json.dumps(whole))
        return old

    def make_role(self) -> None:
        """Runs docker/postgres/role.sh as the image of PostgreSQL would."""
        programs = max(installed_versions().items())[1]
        variables = {
            "PATH": f"{programs}:{os.environ['PATH']}",
            "PGHOST": LOOPBACK,
            "PGPORT": str(self.postgres.port),
            "PGPASSWORD": self.postgres.password,
            "POSTGRES_USER": self.postgres.user,
            "SITE_PASSWORD_FILE": str(self.secret("postgres_password")),
        }
        subprocess.run([DOCKER / "postgres" / "role.sh"], env=variables, check=True, capture_output=True)

    def secret(self, name: str) -> Path:
        """A copy of the file that says where the servers are here."""
        text = (self.secrets / secret_files()[name]).read_text()
        for host, server in {
            "rabbitmq:5672": self.rabbitmq, "redis-state:6379": self.state,
            "redis-cache:6379": self.cache, "postgres:5432": self.postgres,
        }.items():  # fmt: skip
            text = text.replace(host, f"{LOOPBACK}:{server.port}")
        copy = self.folder / "run" / name
        copy.parent.mkdir(exist_ok=True)
        copy.write_text(text.replace("/var/lib/switchyard", str(self.files)))
        return copy

    def url(self, name: str) -> str:
        return self.secret(name).read_text().strip()

    @property
    def files(self) -> Path:
        """The volume of uploads, reports and mail."""
        made = self.folder / "files"
        made.mkdir(exist_ok=True)
        return made

    def environment(self, service: str) -> dict[str, str]:
        """Compose's, with this machine's paths, over nothing of ours from the tests' own."""
        found = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
        home = Path(tempfile.mkdtemp(dir=self.folder))
        found |= {"HOME": str(home), "VAR_ROOT": str(self.folder / "var"), "SWITCHYARD_ENV_FILE": ""}
        found["PATH"] = f"{Path(sys.executable).parent}:{found['PATH']}"
        for name, value in environment(service).items():
            secret = value.removeprefix("/run/secrets/")
            here = str(self.secret(secret)) if secret != value else value
            found[name] = here.replace("/var/lib/switchyard", str(self.files))
        return found

    def run(self, service: str, *words: str) -> str:
        """What a command of the image prints, run with the environment of a service to its end."""
        argv = [str(DOCKER / "entrypoint.sh"), *(words or services()[service]["command"])]
        done = subprocess.run(
            argv, env=self.environment(service), cwd=ROOT, check=False, timeout=120,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout[-3000:]
        return done.stdout

    def shell(self, service: str, script: str) -> str:
        """What the script prints as its last line, in a process of that service."""
        told = self.run(service, "shell", "--no-imports", "-v", "0", "-c", script).strip()
        return told.splitlines()[-1] if told else ""


class Container:
    """One service as a process of its own, as the entrypoint starts it."""

    def __init__(self, stack: Stack, service: str, *words: str, **environment: str) -> None:
        self.environment = stack.environment(service) | environment
        self.log = Path(self.environment["HOME"]) / "log"
        self.argv = [str(DOCKER / "entrypoint.sh"), *services()[service]["command"], *words]
        self.process: subprocess.Popen[bytes] | None = None

    def start(self, ready: str) -> "Container":
        """Returns when its log holds the text."""
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.argv, env=self.environment, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=out,
                stderr=out, start_new_session=True,
            )  # fmt: skip
        wait_until(lambda: ready in self.said(), 60, f"{ready!r} from {self.argv}")
        return self

    def said(self) -> str:
        assert self.process is not None
        text = self.log.read_text(errors="replace")
        assert self.process.poll() is None, text[-3000:]
        return text

    @property
    def pid(self) -> int:
        assert self.process is not None
        return self.process.pid

    def signal(self, number: signal.Signals) -> None:
        os.kill(self.pid, number)

    def stop(self) -> int:
        """Like `docker stop`: SIGTERM to the process alone. Returns its exit code."""
        assert self.process is not None
        if self.process.poll() is None:
            self.signal(signal.SIGTERM)
        return self.process.wait(STOP_SECONDS)

    def kill(self) -> None:
        """Whatever is left of it and its children."""
        if self.process is not None:
            if self.process.poll() is None:
                os.killpg(self.pid, signal.SIGKILL)
            self.process.wait()

    def healthy(self) -> bool:
        argv = [sys.executable, "-I", "-S", str(DOCKER / "healthcheck.py")]
        return subprocess.run(argv, env=self.environment, check=False, timeout=30).returncode == 0
