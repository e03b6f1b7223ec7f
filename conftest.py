"""Fixtures for every test."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.commands import flush
from django.db import connection, connections
from redis import Redis

from apps.jobs.tests.dying import Mill
from apps.notification.shipped import create_channels
from project.servers.valkey import Valkey
from tests.vhosts import Vhost
from tests.waiting import RecorderProcess, WorkerProcess

SLOW = ("faults", "slow")
# Not "watch": it reads and writes tables together while the next test begins by emptying them one by one.
OF_JOBS = [part for name in ("record", "relay", "keep", "sweep") for part in ("--only", name)]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that wait for servers first: at the end of a run one of them would keep the others waiting."""
    slow = {item.path for item in items if any(map(item.get_closest_marker, SLOW))}
    items.sort(key=lambda item: item.path not in slow and "tests/docker" not in str(item.path))


def pytest_terminal_summary(terminalreporter: Any) -> None:
    """How many cases the tests tried that walk through many: `record_property("cases", number)`."""
    counted: Counter[str] = Counter()
    for report in terminalreporter.stats.get("passed", []):
        counted[report.location[0]] += sum(value for name, value in report.user_properties if name == "cases")
    for file, cases in counted.items():
        if cases:
            terminalreporter.write_line(f"{file}: {cases:,} cases")


@pytest.fixture(scope="session", autouse=True)
def quick_flush() -> Iterator[None]:
    """After each transactional test Django empties all tables, and makes all permissions anew: a second."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush.Command, "handle", empty_tables)
        yield


def empty_tables(_command: object, **options: Any) -> None:
    """Of the tables that tests write to, those that have rows."""
    database = connections[options["database"]]
    kept = {"django_migrations", "django_content_type", "auth_permission"}
    names = set(database.introspection.django_table_names(only_existing=True)) - kept
    with database.cursor() as cursor:
        tests = [f"SELECT '{name}' WHERE EXISTS (SELECT FROM {name})" for name in sorted(names)]
        cursor.execute(" UNION ALL ".join(tests))
        if full := [name for (name,) in cursor.fetchall()]:
            cursor.execute(f"TRUNCATE {', '.join(full)} CASCADE")
    create_channels()  # of all that `migrate` makes, permissions apart, the only rows


@pytest.fixture(autouse=True)
def clean_redis() -> Iterator[None]:
    """Every test starts with empty Redis databases, but for the broker's."""
    yield
    for url in (
        settings.CACHES["default"]["LOCATION"],
        settings.STATE_REDIS_URL,
        settings.CELERY_RESULT_BACKEND,
    ):
        with Redis.from_url(str(url)) as redis:
            redis.flushdb()


@pytest.fixture(autouse=True)
def empty_ledger(request: pytest.FixtureRequest) -> None:
    """The shared recorder may have written of an earlier test's job when that test was over already."""
    marked = request.node.get_closest_marker("django_db")
    if request.node.get_closest_marker("own_rows"):
        return
    if not marked and not {"db", "transactional_db"} & {*request.fixturenames}:
        return
    request.getfixturevalue("db")
    with connection.cursor() as cursor:
        for table in ("jobs_attempt", "jobs_job", "django_celery_results_taskresult"):
            cursor.execute(f"DELETE FROM {table}")


@pytest.fixture(autouse=True)
def own_files(settings: object, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Uploads, reports and mail of a test go to a folder of its own."""
    folder = tmp_path_factory.mktemp("media")
    settings.MEDIA_ROOT = str(folder)  # type: ignore[attr-defined]


@pytest.fixture(autouse=True)
def quick_passwords(settings: object) -> None:
    """The real hasher is slow on purpose."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]  # type: ignore[attr-defined]


@pytest.fixture
def staff(db: None) -> User:
    """Alice: staff without any permission."""
    return User.objects.create_user("alice", "alice@example.com", "secret", is_staff=True)


@pytest.fixture(scope="session")
def _worker(broker: str, django_db_setup: None) -> Iterator[WorkerProcess]:
    process, recorder = WorkerProcess(), RecorderProcess(*OF_JOBS)
    recorder.start()
    process.start()
    yield process
    process.stop()
    recorder.stop()


@pytest.fixture
def worker(_worker: WorkerProcess, transactional_db: None) -> WorkerProcess:
    """A real worker on every queue and a recorder, on the test database, shared by the whole run."""
    _worker.ensure_alive()
    return _worker


@pytest.fixture(scope="module")
def no_others(request: pytest.FixtureRequest, broker: str, django_db_setup: None) -> None:
    """No worker and no recorder but the module's own; whoever needs the shared ones next gets new ones."""
    manager = request._fixturemanager  # pytest has no other way to end a fixture early
    for definition in manager.getfixturedefs("_worker", request.node) or ():
        definition.finish(request)  # type: ignore[arg-type]


@pytest.fixture
def valkey(tmp_path: Path) -> Iterator[Valkey]:
    """A server of the test's own, which keeps nothing."""
    server = Valkey(tmp_path / "valkey", "test-password", durable=False)
    server.start()
    yield server
    server.kill()


@pytest.fixture(scope="module")
def mill(vhost: Vhost, django_db_setup: None) -> Mill:
    """Where messages may die; it knows at once that a task is unknown."""
    made = Mill(vhost, UNKNOWN_TASK_RETRY_SECONDS="0")
    made.declare()
    return made


@pytest.fixture(scope="module")
def mill_recorder(mill: Mill) -> Iterator[RecorderProcess]:
    process = mill.recorder()
    process.start()
    yield process
    process.stop()
