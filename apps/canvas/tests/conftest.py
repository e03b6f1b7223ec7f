"""A worker and a recorder on each broker in turn."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from apps.canvas.tests.stage import Stage, move_here
from project.servers.valkey import Valkey
from tests.servers import servers
from tests.vhosts import Vhost


@pytest.fixture(scope="module", params=["rabbitmq", "valkey"])
def running_stage(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, no_others: None
) -> Iterator[Stage]:
    if request.param == "rabbitmq":
        assert servers.broker is not None
        vhost = Vhost.make(servers.broker.url, servers.broker.management_url)
        yield from Stage(vhost.url, vhost.management_url).open()
        vhost.delete()
        return
    valkey = Valkey(Path(tmp_path_factory.mktemp("stage")) / "valkey", "test-password", durable=False)
    valkey.start()
    yield from Stage(valkey.url).open()
    valkey.kill()


@pytest.fixture
def stage(
    running_stage: Stage, transactional_db: None, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> Stage:
    """This process publishes there, too."""
    move_here(running_stage, monkeypatch, settings)
    return running_stage
