from collections.abc import Iterator

import pytest

from tests.e2e.platform import Platform


@pytest.fixture(autouse=True)
def clean_redis() -> None:
    """The platform under test has servers of its own."""


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    """The platform as `make run` starts it: every server embedded, and one name mistyped."""
    started = Platform(tmp_path_factory.mktemp("platform") / "var", CELERY_WORKER_CONCURENCY="2")
    started.start()
    yield started
    if not started.ended():
        started.stop()
