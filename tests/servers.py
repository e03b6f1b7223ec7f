"""Private servers for one test run, as a pytest plugin that loads before Django's settings.

PostgreSQL and Valkey start at once; RabbitMQ when the first test asks for it. `TEST_DATABASE_URL`,
`TEST_REDIS_URL` and `TEST_BROKER_URL` name servers to use instead; `TEST_SERVERS=none` starts none.
"""

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from project.servers.ports import free_port
from project.servers.postgres import Postgres
from project.servers.rabbitmq import RabbitMQ
from project.servers.server import Server
from project.servers.valkey import Valkey

PASSWORD = "test-password"
OURS = ("CELERY_", "FLOWER_", "SWITCHYARD_")


class Servers:
    """What runs for this test run, and the environment that points the project at it."""

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="switchyard-tests-"))
        self.started: list[Server] = []
        self.rabbitmq: RabbitMQ | None = None

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
        os.environ["CELERY_BROKER_URL"] = os.environ.get("TEST_BROKER_URL") or self.prepare_rabbitmq()

    def run(self, server: Server) -> str:
        server.start()
        self.started.append(server)
        return server.url

    def prepare_rabbitmq(self) -> str:
        self.rabbitmq = RabbitMQ(self.folder / "rabbitmq", port=free_port(None))
        return self.rabbitmq.url

    def start_broker(self) -> None:
        if self.rabbitmq is not None and self.rabbitmq not in self.started:
            self.run(self.rabbitmq)

    def stop(self) -> None:
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


@pytest.fixture(scope="session")
def broker() -> str:
    """A real broker with the topology declared; yields its URL."""
    from django.core.management import call_command

    servers.start_broker()
    call_command("topology", verbosity=0)
    return os.environ["CELERY_BROKER_URL"]


@pytest.fixture(scope="module")
def quiet_rabbitmq(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RabbitMQ]:
    """A broker on which the run's shared worker doesn't listen, for tests that bring their own."""
    rabbitmq = RabbitMQ(tmp_path_factory.mktemp("quiet") / "rabbitmq")
    rabbitmq.start()
    yield rabbitmq
    rabbitmq.kill()
