"""`manage.py up` on the real platform, with its own servers in an empty folder."""

import urllib.error
import urllib.request
from collections.abc import Iterator

import psutil
import pytest

from tests.e2e.platform import Platform
from tests.waiting import wait_until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    platform = Platform(tmp_path_factory.mktemp("up") / "var", CELERY_WORKER_CONCURRENCY="1")
    try:
        platform.start(demo=False)
        yield platform
    finally:
        family = platform.family()
        platform.kill()
        _, alive = psutil.wait_procs(family, timeout=120)
        assert alive == []


def test_the_site_answers(platform: Platform) -> None:
    with urllib.request.urlopen(f"{platform.url}/health/live", timeout=60) as answer:
        assert answer.status == 200


def test_flower_asks_for_its_password(platform: Platform) -> None:
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(platform.flower_url, timeout=60)


def test_the_password_of_the_administrator_is_told_once(platform: Platform) -> None:
    assert platform.said().count("Sign in to the admin as admin with the password") == 1


def test_another_terminal_finds_the_workers(platform: Platform) -> None:
    def found() -> bool:
        said = platform.terminal("-m", "celery", "-A", "project", "status", "--timeout", "5").stdout
        return "general@" in said and "urgent@" in said

    wait_until(found, what="both workers to answer")


def test_another_terminal_can_not_start_it_twice(platform: Platform) -> None:
    assert platform.process is not None
    said = platform.terminal("manage.py", "up").stdout
    assert f"already running (pid {platform.process.pid})" in said
    assert platform.url in said


def test_ctrl_c_leaves_no_process_and_it_starts_again(platform: Platform) -> None:
    family = platform.family()
    assert len(family) > 10
    assert platform.stop() == 0, platform.said()
    _, alive = psutil.wait_procs(family, timeout=30)
    assert alive == []
    platform.start(demo=False)
    assert "with the password" not in platform.said()
