"""A pytest plugin for Celery's own integration tests: what their conftest has, with our app.

`python -m pytest --noconftest -p tests.canvas.celerys t/integration/test_canvas.py`, in Celery's source.
SHARD is "n/m": the n-th of m parts of the tests. The worker is one of this process, as theirs is: its
signals are heard by the tests, and its pool's processes are forked from it.
"""

import os
import signal
import time
from collections.abc import Generator, Iterator
from typing import Any

import django
import pytest
from celery.contrib.testing.manager import Manager
from celery.contrib.testing.worker import start_worker
from celery.worker import state
from django.conf import settings
from kombu import Connection
from redis import Redis

django.setup()

from celery import current_app  # noqa: E402 - the project's, once Django is there
from celery.contrib.testing import tasks as ping  # noqa: E402, F401 - the worker is asked for one
from t.integration import tasks  # type: ignore[import-not-found] # noqa: E402

from project.broker import declare  # noqa: E402

# Not run, and why.
AGAIN = "sends jobs again by ids that ran before; the second one is refused here, as it should be"
LANES = "reads the broker's number of a priority; ours is 0 for the first on every broker"
SKIPPED = {
    "test_chain.test_chord_header_id_duplicated_on_rabbitmq_msg_duplication[redis-group-ids]": AGAIN,
    "test_chord.test_reapplying_frozen_chord_dispatches_body_again": AGAIN,
    "test_chord.test_mutable_errback_called_by_chord_from_chain[errback_old_style]": AGAIN,
    "test_chord.test_mutable_errback_called_by_chord_from_chain[errback_new_style]": AGAIN,
    "test_chord.test_mutable_errback_called_by_chord_from_chain_tail[errback_old_style]": AGAIN,
    "test_chord.test_mutable_errback_called_by_chord_from_chain_tail[errback_new_style]": AGAIN,
    "test_chord.test_mutable_errback_called_by_chord_from_group[errback_old_style]": AGAIN,
    "test_chord.test_mutable_errback_called_by_chord_from_group[errback_new_style]": AGAIN,
    "test_chord.test_error_propagates_from_chord": "Celery expects it to fail on Redis: its issue 6437",
    "test_chord.test_priority": LANES,
    "test_chord.test_priority_chain": LANES,
    "test_chord.test_redis_subscribed_channels_leak": "Celery expects it to fail: it knows of the leak",
}
RESULT_SECONDS, SECONDS = 100, 120  # for each result, and for each test
LOOK_SECONDS = 0.05
# How many looks must find the worker idle until nothing more is expected, by how long a test would wait.
IDLE_LOOKS = {1: 6, 10: 12}
RUNS = {"concurrency": 4, "pool": "prefork", "shutdown_timeout": 30, "loglevel": "warning"}


class EchoRedis(Redis):
    def blpop(self, keys: Any, timeout: Any = 0) -> Any:
        """Most that they wait for 10 s or 1 s for must not come: while nobody works, it won't."""
        if timeout not in IDLE_LOOKS:
            return super().blpop(keys, timeout)
        looks = 0
        while looks < IDLE_LOOKS[timeout]:
            if found := super().blpop(keys, LOOK_SECONDS):
                return found
            looks = looks + 1 if is_idle() else 0
        return None


def is_idle() -> bool:
    return not state.reserved_requests and not state.active_requests


def sleep(seconds: float) -> None:
    """A second is what they give the worker to do all that it has to do: no less, and no longer."""
    if seconds == 1:
        until_idle(IDLE_LOOKS[1])
    else:
        time.sleep(seconds)


def until_idle(looks: int) -> None:
    left = looks
    while left:
        time.sleep(LOOK_SECONDS)
        left = left - 1 if is_idle() else looks


def echo_redis() -> Any:
    """Theirs knows no password. Whoever blocks on it waits longer than redis-py does by itself."""
    return EchoRedis.from_url(settings.CELERY_RESULT_BACKEND, socket_timeout=None)


tasks.get_redis_connection = echo_redis


def pytest_configure(config: pytest.Config) -> None:
    for name in ("flaky", "timeout", "amqp"):  # of plugins that are not here: nothing is tried twice
        config.addinivalue_line("markers", f"{name}: not heeded")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    number, shards = map(int, os.environ["SHARD"].split("/"))
    for module in {item.module for item in items if isinstance(item, pytest.Function)}:
        module.sleep, module.TIMEOUT = sleep, RESULT_SECONDS
    items[:] = [item for item in items if name_of(item) not in SKIPPED][number::shards]


def name_of(item: pytest.Item) -> str:
    return item.nodeid.partition("::")[2].replace("::", ".")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol() -> Generator[None, Any, Any]:
    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(SECONDS)
    try:
        return (yield)
    finally:
        signal.alarm(0)


def give_up(*_: Any) -> None:
    pytest.fail(f"took more than {SECONDS} s")  # which no retrying of connections takes for one of its own


@pytest.fixture(scope="session")
def celery_session_app() -> Any:
    with Connection(settings.CELERY_BROKER_URL) as connection:
        declare(connection, settings.CELERY_TASK_QUEUES)
    wrapped: Any = current_app
    return wrapped._get_current_object()


@pytest.fixture(scope="session")
def celery_session_worker(celery_session_app: Any) -> Iterator[Any]:
    with start_worker(celery_session_app, **RUNS) as worker:
        yield worker


@pytest.fixture
def app(celery_session_app: Any) -> Any:
    return celery_session_app


@pytest.fixture(autouse=True)
def no_echoes() -> None:
    """Of an earlier test. The worker is idle, and nobody waits for a result."""
    echo_redis().flushdb()


@pytest.fixture
def manager(app: Any, celery_session_worker: Any) -> Iterator[Manager]:
    """As theirs, the next test begins when the worker has nothing left to do; theirs asks it by a broadcast,
    which takes a second.
    """
    yield Manager(app)
    until_idle(3)
