"""Private servers for one test run, as a pytest plugin that loads before Django's settings.

PostgreSQL and Valkey start at once; RabbitMQ when the first test asks for it. `TEST_DATABASE_URL`,
`TEST_REDIS_URL` and `TEST_BROKER_URL` name servers to use instead; `TEST_SERVERS=none` starts none.
On a given broker the tests have virtual hosts of their own, made by its management API (tests/vhosts.py).
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any

import pytest

from project.servers.ports import free_port
from project.servers.postgres import Postgres
from project.servers.rabbitmq import RabbitMQ
from project.servers.server import Server
from project.servers.valkey import Valkey
from tests.vhosts import Broker, Vhost

PASSWORD = "test-password"
OURS = ("CELERY_", "FLOWER_", "SWITCHYARD_")


class Servers:
    """What runs for this test run, and the environment that points the project at it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="switchyard-tests-"))
        self.started: list[Server] = []
        self.broker: Broker | None = None

    def start(self) -> None:
        for name in [name for name in os.environ if name.startswith(OURS)]:
            del os.environ[name]
        os.environ["SWITCHYARD_ENV_FILE"] = ""
        os.environ["VAR_ROOT"] = str(self.folder / "var")
        os.environ["DATABASE_URL"] = os.environ.get("TEST_DATABASE_URL") or self.run(
            Postgres(self.folder / "postgres", PASSWORD, durable=False)
        )
        os.environ["REDIS_URL"] = os.environ.get("TEST_REDIS_URL") or self.run(
            Valkey(self.folder / "valkey", PASSWORD, durable=False)
        )
        self.broker = self.given_broker() or self.own_broker()
        os.environ["CELERY_BROKER_URL"] = self.broker.url
        os.environ["CELERY_BROKER_MANAGEMENT_URL"] = self.broker.management_url

    def run(self, server: Server) -> str:
        server.start()
        self.started.append(server)
        return server.url

    def given_broker(self) -> Vhost | None:
        given = os.environ.get("TEST_BROKER_URL")
        return Vhost.make(given, os.environ.get("TEST_BROKER_MANAGEMENT_URL")) if given else None

    def own_broker(self) -> RabbitMQ:
        """Its addresses are known before it starts."""
        rabbitmq = RabbitMQ(self.folder / "rabbitmq", port=free_port(None))
        rabbitmq.management_port = free_port(None)
        return rabbitmq

    def start_broker(self) -> None:
        if isinstance(self.broker, RabbitMQ) and self.broker not in self.started:
            self.run(self.broker)

    def stop(self) -> None:
        if isinstance(self.broker, Vhost):
            self.broker.delete()
        for server in reversed(self.started):
            server.kill()  # nothing of theirs is kept, and RabbitMQ takes six seconds to stop
        shutil.rmtree(self.folder, ignore_errors=True)


def wanted() -> bool:
    """With `-n`, each of xdist's workers has servers of its own, and the process that leads them none."""
    leads = any(argument.startswith(("-n", "--numprocesses")) for argument in sys.argv[1:])
    return os.environ.get("TEST_SERVERS") != "none" and ("PYTEST_XDIST_WORKER" in os.environ or not leads)


servers = Servers()
if wanted():
    servers.start()


def pytest_unconfigure() -> None:
    servers.stop()


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    """A test that was skipped shows nothing: the run is red."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and reporter.stats.get("skipped"):
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    """A failure may show a lone surrogate, which xdist's workers can't send: the whole run would end."""
    found = yield
    return sendable(found)


def sendable(value: Any) -> Any:
    if isinstance(value, str):
        return value.encode(errors="backslashreplace").decode()
    if isinstance(value, dict):
        return {sendable(name): sendable(item) for name, item in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(sendable(item) for item in value)
    return value


@pytest.fixture(scope="session")
def broker() -> str:
    """A real broker with the topology declared; yields its URL."""
    from django.core.management import call_command

    servers.start_broker()
    call_command("topology", verbosity=0)
    return os.environ["CELERY_BROKER_URL"]


@pytest.fixture(scope="module")
def vhost() -> Iterator[Vhost]:
    """An empty virtual host on the broker of the run, on which its shared worker doesn't listen."""
    servers.start_broker()
    assert servers.broker is not None
    made = Vhost.make(servers.broker.url, servers.broker.management_url)
    yield made
    made.delete()


@pytest.fixture(scope="module")
def own_rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """A RabbitMQ of this machine, whatever broker is given: to be killed, and told by `rabbitmqctl`."""
    rabbitmq = RabbitMQ(tmp_path_factory.mktemp("own") / "rabbitmq")
    rabbitmq.start()
    yield rabbitmq
    rabbitmq.kill()
