"""Native delays on a real broker: what is late arrives, and what nobody takes holds nothing up."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from amqp.exceptions import NotFound

from project.broker import declare, work_queue
from project.rabbitmq.channels import opened
from project.rabbitmq.management import Management
from project.rabbitmq.policies import Limits
from project.rabbitmq.upkeep import Broker, keep, look
from project.topology import UNROUTED, QueueRow
from tests.messages import count, link, publish_later, taken, waiting
from tests.vhosts import Vhost
from tests.waiting import wait_until

NAMES = ("slow", "quick", "very_quick")
WINDOW = 32  # messages that a delay queue has on their way at once


@pytest.fixture(scope="module")
def connection(vhost: Vhost) -> Iterator[Any]:
    with link(vhost) as connection:
        yield connection


@pytest.fixture(scope="module")
def api(vhost: Vhost) -> Iterator[Management]:
    with vhost.management() as api:
        yield api


@pytest.fixture(scope="module")
def broker(vhost: Vhost, connection: Any, api: Management) -> Broker:
    queues = tuple(work_queue(QueueRow(name, "tests"), vhost.url) for name in NAMES)
    return Broker(connection, queues, Limits(20, 2_000_000_000), api)


def test_before_the_topology_a_delayed_message_is_an_error(connection: Any) -> None:
    with pytest.raises(NotFound, match="celery_delayed_27"):
        publish_later(connection, "quick", {})


def test_a_fresh_virtual_host_delivers_delays_without_any_worker(broker: Broker) -> None:
    keep(broker)
    publish_later(broker.connection, "quick", {"late": True}, seconds=3)
    assert taken(broker.connection, "quick").payload == {"late": True}


def test_a_delay_is_never_short_and_hardly_long(broker: Broker) -> None:
    begin = time.monotonic()
    publish_later(broker.connection, "quick", {}, seconds=3)
    taken(broker.connection, "quick")
    assert 3 <= time.monotonic() - begin < 5


@pytest.mark.parametrize("name", NAMES)
def test_each_delayed_message_reaches_one_queue_once(broker: Broker, name: str) -> None:
    publish_later(broker.connection, name, {"to": name})
    assert taken(broker.connection, name).payload == {"to": name}
    assert [waiting(broker.connection, other) for other in NAMES] == [None, None, None]


def test_delayed_messages_for_no_queue_do_not_hold_up_others(broker: Broker) -> None:
    for number in range(WINDOW + 8):
        publish_later(broker.connection, "nowhere", {"lost": number})
    wait_until(lambda: count(broker.connection, UNROUTED) == WINDOW + 8, 15, "the lost to be caught")
    begin = time.monotonic()
    publish_later(broker.connection, "quick", {"good": True})
    assert taken(broker.connection, "quick", 15).payload == {"good": True}
    assert time.monotonic() - begin < 3
    assert taken(broker.connection, UNROUTED).payload == {"lost": 0}


def test_what_a_deleted_queue_leaves_behind_is_taken_away(broker: Broker, vhost: Vhost) -> None:
    """Else its delayed messages count as routed, are lost to no one, and stand in the way of all."""
    declare(broker.connection, [work_queue(QueueRow("gone", "tests"), vhost.url)])
    with opened(broker.connection) as channel:
        channel.queue_delete("gone")
    assert any("'#.gone' reach no queue" in difference.what for difference in look(broker))
    assert keep(broker).mended
    assert look(broker) == []
    before = count(broker.connection, UNROUTED)
    publish_later(broker.connection, "gone", {})
    wait_until(lambda: count(broker.connection, UNROUTED) == before + 1, 15, "the lost to be caught")
