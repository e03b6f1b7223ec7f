"""Events of workers wait for no confirm. Under a frozen broker: apps/jobs/tests/test_heartbeat.py."""

from typing import Any

import pytest
from kombu import Connection
from kombu.exceptions import OperationalError

from project.celery import app

NOWHERE = "amqp://nobody:x@127.0.0.1:9//"


def confirms(channel: Any) -> bool:
    return bool(channel.basic_publish == channel.basic_publish_confirm)


@pytest.mark.parametrize("connected", [True, False])
def test_they_ask_for_no_confirm(broker: str, connected: bool) -> None:
    with app.connection_for_write() as connection:
        if connected:
            connection.ensure_connection(timeout=5)
        dispatcher = app.events.Dispatcher(connection)
        dispatcher.send("worker-heartbeat", freq=2)
        assert not confirms(dispatcher.producer.channel)
        connection.collect()
        dispatcher.send("worker-heartbeat", freq=2, retry=True)
        assert not confirms(dispatcher.producer.channel)


def test_a_publisher_s_channel_stays_as_it_is(broker: str) -> None:
    with app.events.default_dispatcher() as dispatcher:
        assert confirms(dispatcher.channel)
    with app.connection_for_write() as connection:
        assert confirms(connection.channel())


def test_a_broker_that_is_away_is_given_up() -> None:
    with Connection(NOWHERE) as connection:
        dispatcher = app.events.Dispatcher(connection, buffer_while_offline=False)
        with pytest.raises(OperationalError):
            dispatcher.send("worker-heartbeat", freq=2, retry=True)


def test_another_kind_of_broker_has_nothing_to_confirm() -> None:
    with Connection("memory://") as connection:
        app.events.Dispatcher(connection).send("worker-heartbeat", freq=2)
        assert connection.transport_options == {}
