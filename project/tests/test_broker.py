"""The topology on a real broker."""

from io import StringIO
from typing import Any

import pytest
from amqp.exceptions import ChannelError
from celery import current_app
from celery.exceptions import QueueNotFound
from django.conf import settings
from django.core.management import CommandError, call_command
from kombu import Connection, Producer, Queue

from project.broker import is_amqp, publish_options, transport_options
from tests.waiting import wait_until

QUEUES = ["default", "email", "data", "report", "notification", "cleanup", "urgent"]


def test_declaring_again_changes_nothing(broker: str) -> None:
    said = StringIO()
    call_command("topology", stdout=said)
    call_command("topology", stdout=said)
    assert said.getvalue().count("default, email, data") == 2


@pytest.mark.parametrize("name", QUEUES)
def test_each_queue_takes_what_its_key_names(broker: str, name: str) -> None:
    with connect(broker) as connection:
        publish(connection, name, {"to": name})
        queue = next(queue for queue in settings.CELERY_TASK_QUEUES if queue.name == name)
        message: Any = queue.bind(connection.default_channel).get(no_ack=True)
        assert message.payload == {"to": name}


def test_what_no_queue_takes_is_an_error_of_the_publisher(broker: str) -> None:
    with connect(broker) as connection, pytest.raises(ChannelError, match="NO_ROUTE"):
        publish(connection, "nowhere", {})


def test_what_a_worker_rejects_is_kept_with_its_origin(broker: str) -> None:
    with connect(broker) as connection:
        publish(connection, "report", {"poison": True})
        queue = next(queue for queue in settings.CELERY_TASK_QUEUES if queue.name == "report")
        poison: Any = queue.bind(connection.default_channel).get()
        poison.reject()
        message = taken(connection, "dead")
        assert message.payload == {"poison": True}
        assert message.delivery_info["routing_key"] == "report"


def test_a_delayed_message_arrives_without_any_worker(broker: str) -> None:
    with current_app.connection_for_write() as connection:
        current_app.send_task("no.such.task", countdown=1, queue="cleanup", connection=connection)
        assert taken(connection, "cleanup").headers["task"] == "no.such.task"


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


def connect(url: str) -> Connection:
    return Connection(url, transport_options=transport_options(url))


def publish(connection: Connection, key: str, body: dict[str, object]) -> None:
    with connection.channel() as channel:
        asked = publish_options("amqp://")
        Producer(channel).publish(body, exchange="tasks", routing_key=key, retry=False, **asked)


def taken(connection: Connection, name: str) -> Any:
    """The next message of a queue, waited for."""
    queue = Queue(name, channel=connection.default_channel)
    return wait_until(lambda: queue.get(no_ack=True), what=f"a message in {name}")
