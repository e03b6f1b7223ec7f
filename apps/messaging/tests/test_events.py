"""From `events.publish` to what a subscriber does: processes of their own, on each broker."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import transaction
from kombu import Exchange, Producer

from apps.jobs import events
from apps.jobs.models import Event, Job
from apps.jobs.tests.lives import running
from apps.messaging.tests.places import Place, move_here
from project.servers.rabbitmq import RabbitMQ
from tests.waiting import OwnProcess, RecorderProcess, ended, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def newsroom(place: Place) -> tuple[OwnProcess, ...]:
    """A recorder with all it takes, and a worker."""
    only = [part for name in ("record", "relay") for part in ("--only", name)]
    return place.recorder(*only), place.worker("-c", "1")


@pytest.fixture
def open_newsroom(place: Place) -> Iterator[Place]:
    place.manage("topology")
    with running(*newsroom(place)):
        yield place


def publish(topic: str, **facts: Any) -> int:
    assert events.publish(topic, facts)
    return Event.objects.latest("pk").pk


def job_of(event: int, subscription: str) -> Job:
    found = Job.objects.filter(id__startswith=f"event:{event}:{subscription}:")
    return wait_until(found.first, what=f"the job of {event} for {subscription}")  # type: ignore[return-value]


def test_each_subscriber_runs_once_and_a_broken_one_holds_up_nobody(open_newsroom: Place) -> None:
    with transaction.atomic():
        events.publish("shop.order.lost", {"order": 0})
        transaction.set_rollback(True)
    numbers = [publish("shop.order.paid", order=order) for order in range(3)]
    other = publish("shop.opened")
    for order, number in enumerate(numbers):
        done = ended(job_of(number, "orders").id)
        assert done.result["order"] == order
    broken = ended(job_of(other, "stumbling").id)
    assert (broken.state, broken.attempts) == ("FAILURE", 2)
    assert not Job.objects.filter(id__startswith=f"event:{other}:orders").exists()
    for number in numbers:
        ended(job_of(number, "stumbling").id)
    assert Job.objects.count() == 3 + 4


def test_a_message_that_comes_twice_runs_once(open_newsroom: Place) -> None:
    first = publish("shop.order.paid", order=1)
    ended(job_of(first, "orders").id)
    Event.objects.filter(pk=first).update(published_at=None)  # as if the recorder had died before it noted it
    second = publish("shop.order.paid", order=2)
    ended(job_of(second, "orders").id)
    wait_until(lambda: not Event.objects.filter(published_at=None).exists())
    jobs = Job.objects.filter(id__contains=":orders:")
    assert sorted(jobs.values_list("attempts", flat=True)) == [1, 1]


@pytest.mark.faults
def test_nothing_is_lost_when_the_broker_restarts_on_the_way(
    own_rabbitmq: RabbitMQ, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    """Killed with events in the subscription's queue; more are published while it is away."""
    place = Place(own_rabbitmq.url, own_rabbitmq.management_url)
    move_here(place, monkeypatch, settings)
    place.manage("topology")
    sender = RecorderProcess("--only", "events", environment=place.environment)
    with running(sender):
        before = [publish("shop.order.paid", order=order) for order in range(20)]
        wait_until(lambda: not Event.objects.filter(published_at=None).exists())
        own_rabbitmq.kill()
        during = [publish("shop.order.paid", order=order) for order in range(20, 25)]
        own_rabbitmq.restart()
        with running(*newsroom(place)):
            found = [ended(job_of(number, "orders").id).result["order"] for number in before + during]
    assert found == list(range(25))


def test_another_system_may_publish_too(open_newsroom: Place) -> None:
    body = {
        "id": 10**9, "topic": "shop.order.sent", "facts": {"order": 9}, "occurred_at": "2026-05-03T12:00:00Z",
    }  # fmt: skip
    with open_newsroom.channel() as channel:
        Exchange("events", type="topic").bind(channel).declare()
        Producer(channel).publish(body, exchange="events", routing_key="shop.order.sent", serializer="json")
    assert ended(job_of(10**9, "orders").id).result["order"] == 9
