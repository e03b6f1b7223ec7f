"""With servers given by URL nothing is embedded, and each job rides through its own queue."""

import base64
import json
import os
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from project.servers.valkey import Valkey
from tests.e2e.platform import Platform
from tests.vhosts import Vhost
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

FAMILIES = ("email", "data", "report", "notification", "cleanup")


@pytest.fixture(scope="module")
def given(vhost: Vhost, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    base, _, _ = os.environ["DATABASE_URL"].rpartition("/")
    with psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as connection:
        connection.execute("CREATE DATABASE given_servers")
    # The run's own Redis may have the shared recorder, which would take every second entry of the stream.
    valkey = Valkey(tmp_path_factory.mktemp("given") / "valkey", "test-password", durable=False)
    valkey.start()
    platform = Platform(
        tmp_path_factory.mktemp("given") / "var",
        DATABASE_URL=f"{base}/given_servers",
        REDIS_URL=valkey.url,
        CELERY_BROKER_URL=vhost.url,
    )
    platform.start()
    yield platform
    platform.stop()
    valkey.kill()


def test_the_same_five_jobs_succeed(given: Platform) -> None:
    for family in FAMILIES:
        assert re.search(rf"^{family} .* SUCCESS ", given.said(), re.MULTILINE), given.said()


def test_no_server_is_embedded(given: Platform, tmp_path: Path) -> None:
    state = json.loads((given.log.parent / "embedded.json").read_text())
    assert set(state) == {"web", "flower"}


# The demo's import is small.
@pytest.mark.parametrize("queue", ["email", "default", "report", "notification", "cleanup"])
def test_each_job_went_through_its_own_queue(given: Platform, vhost: Vhost, queue: str) -> None:
    wait_until(lambda: delivered(vhost, queue) >= 1, 30, f"a delivery in {queue}")


def delivered(vhost: Vhost, queue: str) -> int:
    """How many messages the broker has handed out of a queue; its figures are some seconds old."""
    scheme, _, rest = vhost.management_url.partition("://")
    credentials, _, host = rest.rpartition("@")
    request = urllib.request.Request(f"{scheme}://{host}/api/queues/{vhost.vhost}/{queue}")
    request.add_header("Authorization", "Basic " + base64.b64encode(credentials.encode()).decode())
    with urllib.request.urlopen(request, timeout=10) as answer:
        stats = json.load(answer).get("message_stats", {})
    return int(stats.get("deliver_get", 0))
