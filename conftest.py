"""Fixtures for every test."""

from collections.abc import Iterator

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from redis import Redis

from tests.waiting import WorkerProcess


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
    process = WorkerProcess()
    process.start()
    yield process
    process.stop()


@pytest.fixture
def worker(_worker: WorkerProcess, transactional_db: None) -> WorkerProcess:
    """A real worker process on every queue, on the test database, shared by the whole run."""
    _worker.ensure_alive()
    return _worker
