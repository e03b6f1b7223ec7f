"""From the row to the exchange."""

import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from celery import current_app
from django.db import connection, transaction
from django.utils import timezone
from kombu import Queue

from apps.cleanup import due, policies
from apps.jobs import events
from apps.jobs.models import Event
from apps.messaging.relaying import EventRelay
from apps.messaging.tests.places import Place
from project.rabbitmq.channels import opened
from project.topology import SubscriptionRow
from tests.waiting import wait_until

pytestmark = pytest.mark.django_db(transaction=True)
ROW = SubscriptionRow("relayed", "shop.#")


@pytest.fixture
def relay() -> Iterator[EventRelay]:
    found = EventRelay(threading.Event())
    yield found
    found.disconnect()


@pytest.fixture
def queue(place: Place) -> Iterator[Any]:
    place.declare(ROW)
    with place.channel() as channel:
        found = Queue(ROW.queue, channel=channel)
        yield found
        found.purge()


def taken(queue: Any) -> list[Any]:
    return [found.payload for found in iter(lambda: queue.get(no_ack=True), None)]


def test_a_subscription_gets_the_whole_event(queue: Any, relay: EventRelay) -> None:
    assert events.publish("shop.sold", {"order": 7, "by": ["card", None]})
    assert relay.send_batch() == 1
    event = Event.objects.get()
    assert event.published_at is not None
    (found,) = taken(queue)
    assert (found["id"], found["topic"], found["facts"]) == (event.pk, "shop.sold", event.facts)
    assert found["occurred_at"][:19] == event.occurred_at.isoformat()[:19]


def test_an_event_that_nobody_wants_is_sent_all_the_same(queue: Any, relay: EventRelay) -> None:
    events.publish("street.quiet", {})
    assert relay.send_batch() == 1
    assert relay.send_batch() == 0
    assert taken(queue) == []


def test_what_is_rolled_back_was_never_an_event(queue: Any, relay: EventRelay) -> None:
    with transaction.atomic():
        events.publish("shop.sold", {})
        transaction.set_rollback(True)
    assert relay.send_batch() == 0
    assert taken(queue) == []


def test_events_are_sent_in_order_and_once(queue: Any, relay: EventRelay) -> None:
    for number in range(1200):
        events.publish("shop.sold", {"n": number})
    assert [relay.send_batch() for _ in range(4)] == [500, 500, 200, 0]
    assert [found["facts"]["n"] for found in taken(queue)] == list(range(1200))


def test_one_recorder_at_a_time_sends(queue: Any, relay: EventRelay) -> None:
    for number in range(700):
        events.publish("shop.sold", {"n": number})
    others = [threading.Thread(target=send_all) for _ in range(3)]
    for other in others:
        other.start()
    for other in others:
        other.join(30)
    while relay.send_batch():
        pass
    assert [found["facts"]["n"] for found in taken(queue)] == list(range(700))


def send_all() -> None:
    own = EventRelay(threading.Event())
    try:
        while own.send_batch():
            pass
    finally:
        own.disconnect()
        connection.close()


def test_without_a_broker_publishing_returns_at_once_and_all_is_sent_later(
    queue: Any, relay: EventRelay, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setitem(current_app.conf, "broker_write_url", "amqp://127.0.0.1:9//")
        began = time.monotonic()
        for number in range(3):
            events.publish("shop.sold", {"n": number})
        assert time.monotonic() - began < 1
        assert relay.send_batch() == 0
        assert not Event.objects.exclude(published_at=None).exists()
    assert relay.send_batch() == 3
    assert [found["facts"]["n"] for found in taken(queue)] == [0, 1, 2]


def test_a_commit_wakes_it(queue: Any) -> None:
    stop = threading.Event()
    thread = threading.Thread(target=EventRelay(stop).run)
    thread.start()
    try:
        events.publish("shop.opened", {})
        wait_until(lambda: taken(queue), 20)
        events.publish("shop.sold", {})
        began = time.monotonic()
        wait_until(lambda: taken(queue), 20)
        assert time.monotonic() - began < 0.9, "only the next look found it"
    finally:
        stop.set()
        thread.join(20)


def test_a_full_queue_holds_up_only_its_own(rabbitmq: Place, relay: EventRelay) -> None:
    row = SubscriptionRow("full", "pool.full")
    rabbitmq.declare(ROW)
    with rabbitmq.connect() as found, opened(found) as channel:
        channel.queue_declare(
            row.queue,
            durable=True,
            auto_delete=False,
            arguments={"x-max-length": 0, "x-overflow": "reject-publish"},
        )
        channel.queue_bind(row.queue, "events", row.pattern)
        events.publish("pool.full", {})
        events.publish("shop.sold", {})
        assert relay.send_batch() == 1
        assert list(Event.objects.filter(published_at=None).values_list("topic", flat=True)) == ["pool.full"]
        assert relay.send_batch() == 0
        channel.queue_delete(row.queue)
        Queue(ROW.queue, channel=channel).purge()
    (first,) = relay.refused.values()
    relay.refused = {pk: replace(first, until=0.0) for pk in relay.refused}
    assert relay.send_batch() == 1
    assert relay.refused == {}


def test_what_is_refused_again_waits_twice_as_long(relay: EventRelay) -> None:
    class Full:
        errors = (OSError,)
        channel = object()

        def publish(self, messages: Any) -> dict[str, str]:
            return {message.id: "the queue is full" for message in messages}

        def close(self) -> None:
            """Nothing is open."""

    relay.window = Full()  # type: ignore[assignment]
    events.publish("pool.full", {})
    waits = []
    for _ in range(9):
        assert relay.send_batch() == 0
        (found,) = relay.refused.values()
        waits.append(found.seconds)
        relay.refused = {pk: replace(found, until=0.0) for pk in relay.refused}
    assert waits == [30, 60, 120, 240, 480, 960, 1920, 3600, 3600]


def test_retention_keeps_what_was_not_sent(relay: EventRelay, place: Place) -> None:
    for topic in ("shop.old", "shop.waiting"):
        events.publish(topic, {})
    long_ago = timezone.now() - timedelta(days=100)
    Event.objects.update(occurred_at=long_ago)
    Event.objects.filter(topic="shop.old").update(published_at=long_ago)
    policy = policies.find("events")
    assert [event.topic for event in due.due(policy)] == ["shop.old"]
