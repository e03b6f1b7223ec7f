"""The servers of docker/compose.yaml, once for all of these tests."""

from collections.abc import Callable, Iterator

import pytest

from tests.docker.stack import Container, Stack

READY = {
    "worker": " ready.",
    "urgent": " ready.",
    "io": " ready.",
    "recorder": "recorder ready",
    "web": "Booting worker",
    "beat": "beat: Starting",
    "flower": "Connected to amqp",
}

Begin = Callable[..., Container]


@pytest.fixture(autouse=True)
def clean_redis() -> None:
    """The Redis of the other tests is not used here."""


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    stack = Stack(tmp_path_factory.mktemp("stack"))
    try:
        stack.start()
        yield stack
    finally:
        stack.stop()


@pytest.fixture(scope="module")
def worker(stack: Stack) -> Iterator[Container]:
    """One worker on every ordinary queue, shared by the tests of a file."""
    container = Container(stack, "worker", "--include", "tests.docker.jobs")
    yield container.start(READY["worker"])
    container.kill()


@pytest.fixture
def begin(stack: Stack) -> Iterator[Begin]:
    """Starts a service and waits until it is ready; it is gone after the test."""
    begun: list[Container] = []

    def start(service: str, *words: str, **environment: str) -> Container:
        begun.append(Container(stack, service, *words, **environment))
        return begun[-1].start(READY[service])

    yield start
    for container in begun:
        container.kill()
