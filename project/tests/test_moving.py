"""Messages moved from queue to queue on a real broker."""

from collections.abc import Iterator
from typing import Any

import pytest
from amqp import Message

from project.rabbitmq.moving import WINDOW, MoveError, move
from tests.messages import count, link, waiting
from tests.vhosts import Vhost
from tests.waiting import wait_until

QUORUM = {"x-queue-type": "quorum"}
PROPERTIES = {
    "content_type": "application/json", "content_encoding": "binary", "delivery_mode": 1, "priority": 7,
    "correlation_id": "c", "reply_to": "r", "expiration": "600000", "message_id": "m", "type": "t",
    "app_id": "a",
    "application_headers": {
        "id": "1", "retries": 3, "eta": None, "timelimit": [300, None], "deep": {"ü": [1, 2.5, True]},
    },
}  # fmt: skip


@pytest.fixture(scope="module")
def connection(vhost: Vhost) -> Iterator[Any]:
    with link(vhost) as connection:
        yield connection


@pytest.fixture
def channel(connection: Any) -> Iterator[Any]:
    """With an empty classic queue `old` and an empty quorum queue `new`."""
    with connection.channel() as channel:
        channel.queue_declare("old", durable=True, auto_delete=False)
        channel.queue_declare("new", durable=True, auto_delete=False, arguments=QUORUM)
        yield channel
    with connection.channel() as channel:
        channel.queue_delete("old")
        channel.queue_delete("new")


def to_new(_message: Any) -> tuple[str, str]:
    return "", "new"


def fill(channel: Any, number: int, queue: str = "old") -> None:
    for each in range(number):
        channel.basic_publish(Message(f"{each}"), routing_key=queue)
    wait_until(lambda: channel.queue_declare(queue, passive=True).message_count == number)


def bodies(connection: Any, queue: str) -> list[str]:
    return [message.body for message in iter(lambda: waiting(connection, queue), None)]


def test_every_message_is_moved_once_and_in_order(connection: Any, channel: Any) -> None:
    number = 2 * WINDOW + 50
    fill(channel, number)
    assert move(connection, "old", to_new) == number
    assert bodies(connection, "new") == [str(each) for each in range(number)]
    assert count(connection, "old") == 0


def test_an_empty_queue_is_no_work(connection: Any, channel: Any) -> None:
    assert move(connection, "old", to_new) == 0


def test_body_properties_and_headers_stay_what_they_are(connection: Any, channel: Any) -> None:
    channel.basic_publish(Message(b"\xff\x00{", **PROPERTIES), routing_key="old")
    wait_until(lambda: count(connection, "old") == 1)
    move(connection, "old", to_new)
    channel.auto_decode = False
    moved = channel.basic_get("new", no_ack=True)
    moved.properties["application_headers"].pop("x-delivery-count", None)  # of the queue it is in now
    assert (bytes(moved.body), moved.properties) == (b"\xff\x00{", PROPERTIES)


def test_deliveries_are_counted_anew(connection: Any, channel: Any) -> None:
    """What a refuge counted must not take a message closer to the dead letters."""
    headers = {"x-delivery-count": 19, "kept": 1}
    channel.basic_publish(Message("x", application_headers=headers), routing_key="old")
    wait_until(lambda: count(connection, "old") == 1)
    move(connection, "old", to_new)
    assert waiting(connection, "new").headers.get("x-delivery-count", 0) == 0


def test_a_message_of_another_user_is_moved_too(connection: Any, channel: Any) -> None:
    ours = connection.userid
    channel.basic_publish(Message("x", user_id=ours), routing_key="old")
    wait_until(lambda: count(connection, "old") == 1)
    assert move(connection, "old", to_new) == 1


def test_what_a_full_queue_refuses_stays_and_nothing_is_doubled(connection: Any, channel: Any) -> None:
    small = {"x-queue-type": "classic", "x-max-length": 120, "x-overflow": "reject-publish"}
    channel.queue_delete("new")
    channel.queue_declare("new", durable=True, auto_delete=False, arguments=small)
    fill(channel, 300)
    with pytest.raises(MoveError, match="is the queue full"):
        move(connection, "old", to_new)
    wait_until(lambda: count(connection, "old") + count(connection, "new") == 300)
    both = bodies(connection, "old") + bodies(connection, "new")
    assert sorted(both, key=int) == [str(each) for each in range(300)]


def test_without_a_taker_everything_stays(connection: Any, channel: Any) -> None:
    fill(channel, 5)
    with pytest.raises(MoveError, match="no queue took a message for the default exchange, nowhere"):
        move(connection, "old", lambda _message: ("", "nowhere"))
    wait_until(lambda: count(connection, "old") == 5, what="the messages to come back")
