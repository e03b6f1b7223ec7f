"""Looking at queues, on each broker."""

from typing import Any

import pytest
from kombu import Producer

from apps.messaging.tests.places import Place, move_here
from apps.recorder.peeking import peek
from project.servers.valkey import Valkey
from tests.vhosts import Vhost


def counted(place: Place) -> list[int]:
    place.declare()
    with place.channel() as channel:
        for _ in range(3):
            Producer(channel).publish({}, exchange="", routing_key="email")
        looks = peek(["email", "data"])
        channel.queue_purge("email")
    return [looks[name].ready for name in ("email", "data")]


def test_what_waits_in_redis_is_counted(
    valkey: Valkey, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    place = Place(valkey.url)
    move_here(place, monkeypatch, settings)
    assert counted(place) == [3, 0]


def test_what_waits_in_rabbitmq_is_counted(
    vhost: Vhost, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    place = Place(vhost.url, vhost.management_url)
    move_here(place, monkeypatch, settings)
    assert counted(place) == [3, 0]
    assert peek(["nowhere"]) == {}
