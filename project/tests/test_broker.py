"""The topology on a real broker."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from amqp.exceptions import ChannelError
from celery import current_app
from celery.exceptions import QueueNotFound
from django.core.management import CommandError, call_command
from kombu import Connection, Producer, Queue
from kombu.transport.native_delayed_delivery import calculate_routing_key

from project.broker import declare, is_amqp, publish_options, transport_options, work_queue
from project.topology import QueueRow
from tests.waiting import wait_until

NAMES = ("probe", "probe_urgent")  # queues that no worker of this run listens to


@pytest.fixture
def connection(broker: str) -> Iterator[Connection]:
    """With two work queues of its own beside the real ones."""
    probes = [work_queue(QueueRow(name, "tests"), broker) for name in NAMES]
    with Connection(broker, transport_options=transport_options(broker)) as connection:
        declare(connection, probes)
        yield connection
        for queue in probes:
            queue.bind(connection.default_channel).delete()


def test_declaring_again_changes_nothing(broker: str) -> None:
    said = StringIO()
    call_command("topology", stdout=said)
    call_command("topology", stdout=said)
    assert said.getvalue().count("default, email, data") == 2


@pytest.mark.parametrize("name", NAMES)
def test_each_queue_takes_what_its_key_names(connection: Connection, name: str) -> None:
    publish(connection, name, {"to": name})
    assert taken(connection, name).payload == {"to": name}
    assert all(waiting(connection, other) is None for other in NAMES)


def test_what_no_queue_takes_is_an_error_of_the_publisher(connection: Connection) -> None:
    with pytest.raises(ChannelError, match="NO_ROUTE"):
        publish(connection, "nowhere", {})


def test_what_a_worker_rejects_is_kept_with_its_origin(connection: Connection) -> None:
    publish(connection, "probe", {"poison": True})
    queue = Queue("probe", channel=connection.default_channel)
    poison: Any = wait_until(queue.get, what="the poison")
    poison.reject()
    message = taken(connection, "dead")
    assert message.payload == {"poison": True}
    assert message.delivery_info["routing_key"] == "probe"


def test_a_delayed_message_arrives_without_any_worker(connection: Connection) -> None:
    publish(connection, calculate_routing_key(1, "probe"), {"late": True}, exchange="celery_delayed_27")
    assert taken(connection, "probe").payload == {"late": True}
    assert waiting(connection, "probe_urgent") is None


def test_a_queue_that_nobody_declared_is_refused() -> None:
    with pytest.raises(QueueNotFound, match="emial"):
        current_app.send_task("any.task", queue="emial")


def test_a_broker_out_of_reach_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("project.management.commands.topology.CONNECT_TIMEOUT_SECONDS", 1)
    monkeypatch.setattr(
        current_app, "connection_for_write", lambda: Connection("amqp://user:pw@127.0.0.1:9//"), raising=False
    )
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:9.*did not answer") as error:
        call_command("topology")
    assert "pw" not in str(error.value)


@pytest.mark.parametrize(
    ("url", "amqp"), [("amqp://x", True), ("amqps://x", True), ("redis://x", False), ("rediss://x", False)]
)
def test_only_rabbitmq_is_asked_for_what_it_alone_has(url: str, amqp: bool) -> None:
    assert is_amqp(url) is amqp
    assert bool(publish_options(url)) is amqp
    assert ("confirm_publish" in transport_options(url)) is amqp


def publish(connection: Connection, key: str, body: dict[str, object], exchange: str = "tasks") -> None:
    with connection.channel() as channel:
        asked = publish_options("amqp://")
        Producer(channel).publish(body, exchange=exchange, routing_key=key, retry=False, **asked)


def waiting(connection: Connection, name: str) -> Any:
    """The next message of a queue, or None."""
    return Queue(name, channel=connection.default_channel).get(no_ack=True)


def taken(connection: Connection, name: str) -> Any:
    return wait_until(lambda: waiting(connection, name), what=f"a message in {name}")
