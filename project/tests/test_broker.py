"""The topology on a real broker."""

from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from amqp.exceptions import ChannelError
from celery import current_app
from celery.exceptions import QueueNotFound
from django.core.management import call_command
from kombu import Queue

from project.broker import declare, is_amqp, publish_options, transport_options, work_queue
from project.rabbitmq.channels import opened
from project.topology import QueueRow
from tests.messages import link, publish, publish_later, taken, waiting
from tests.vhosts import Vhost
from tests.waiting import wait_until

NAMES = ("probe", "probe_urgent")


@pytest.fixture(scope="module")
def connection(vhost: Vhost) -> Iterator[Any]:
    with link(vhost) as connection:
        declare(connection, [work_queue(QueueRow(name, "tests"), vhost.url) for name in NAMES])
        yield connection


def test_declaring_again_changes_nothing(broker: str) -> None:
    said = StringIO()
    call_command("topology", stdout=said)
    call_command("topology", stdout=said)
    assert said.getvalue().count("default, email, data") == 2


@pytest.mark.parametrize("name", NAMES)
def test_each_queue_takes_what_its_key_names(connection: Any, name: str) -> None:
    publish(connection, name, {"to": name})
    assert taken(connection, name).payload == {"to": name}
    assert all(waiting(connection, other) is None for other in NAMES)


def test_what_no_queue_takes_is_an_error_of_the_publisher(connection: Any) -> None:
    with pytest.raises(ChannelError, match="NO_ROUTE"):
        publish(connection, "nowhere", {})


def test_a_queue_that_lost_its_binding_gets_it_back(connection: Any, vhost: Vhost) -> None:
    """Until then the publisher hears of it and keeps its message."""
    with opened(connection) as channel:
        for key in ("probe", "#.probe"):
            channel.queue_unbind("probe", "tasks", key)
    with pytest.raises(ChannelError, match="NO_ROUTE"):
        publish(connection, "probe", {})
    declare(connection, [work_queue(QueueRow("probe", "tests"), vhost.url)])
    publish(connection, "probe", {"again": True})
    assert taken(connection, "probe").payload == {"again": True}


def test_what_a_worker_rejects_is_kept_with_its_origin(connection: Any) -> None:
    publish(connection, "probe", {"poison": True})
    queue = Queue("probe", channel=connection.default_channel)
    poison: Any = wait_until(queue.get, what="the poison")
    poison.reject()
    message = taken(connection, "dead")
    assert message.payload == {"poison": True}
    assert message.delivery_info["routing_key"] == "probe"


def test_a_delayed_message_arrives_without_any_worker(connection: Any) -> None:
    publish_later(connection, "probe", {"late": True})
    assert taken(connection, "probe").payload == {"late": True}
    assert waiting(connection, "probe_urgent") is None


def test_a_queue_that_nobody_declared_is_refused() -> None:
    with pytest.raises(QueueNotFound, match="emial"):
        current_app.send_task("any.task", queue="emial")


def test_a_long_job_is_not_given_to_another_worker_of_the_embedded_server() -> None:
    assert transport_options("redis://x", 300)["visibility_timeout"] == 3600
    assert transport_options("redis://x", 7200)["visibility_timeout"] == 7500


@pytest.mark.parametrize(
    ("url", "amqp"), [("amqp://x", True), ("amqps://x", True), ("redis://x", False), ("rediss://x", False)]
)
def test_only_rabbitmq_is_asked_for_what_it_alone_has(url: str, amqp: bool) -> None:
    assert is_amqp(url) is amqp
    assert bool(publish_options(url)) is amqp
    assert ("confirm_publish" in transport_options(url)) is amqp
