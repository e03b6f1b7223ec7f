"""From a subscription's queue to its jobs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import InternalError, OperationalError, ProgrammingError
from kombu import Producer, Queue

from apps.jobs import events, plain
from apps.jobs.models import Event, Job
from apps.messaging import bridging
from apps.messaging.bridging import Bridging
from apps.messaging.envelopes import event_message
from apps.messaging.models import Subscription
from apps.messaging.relaying import EventRelay
from apps.messaging.subscribing import Fact, subscribe
from apps.messaging.tests.places import Place, subscribed
from apps.messaging.tests.sample_tasks import note_task
from tests.waiting import wait_until

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("unsent")]
NOON = datetime(2026, 5, 3, 12, tzinfo=UTC).isoformat()


@pytest.fixture
def unsent(monkeypatch: pytest.MonkeyPatch) -> None:
    """The jobs stay in the outbox: nobody runs them here."""
    monkeypatch.setattr("apps.jobs.submitting.publish_soon", lambda jobs: None)


@contextmanager
def bridge() -> Iterator[Bridging]:
    stop = threading.Event()
    made = Bridging(stop)
    thread = threading.Thread(target=made.run)
    thread.start()
    try:
        yield made
    finally:
        stop.set()
        thread.join(20)


def put(place: Place, queue: str, *bodies: Any) -> None:
    with place.channel() as channel:
        for body in bodies:
            Producer(channel).publish(body, exchange="", routing_key=queue, content_type="application/json",
                                      content_encoding="utf-8", serializer=None)  # fmt: skip


def fact(number: int, topic: str = "shop.sold", **facts: Any) -> str:
    return json.dumps({"id": number, "topic": topic, "facts": facts, "occurred_at": NOON})


def left(place: Place, queue: str) -> int:
    with place.channel() as channel:
        found = Queue(queue, channel=channel).get(no_ack=True)
        return 0 if found is None else 1


def ids() -> list[str]:
    return sorted(Job.objects.values_list("id", flat=True))


def test_the_largest_event_becomes_a_job(place: Place, settings: Any) -> None:
    room = settings.JOB_ARGUMENTS_MAX_BYTES - events.ENVELOPE_BYTES
    facts: Any = {"text": "x" * (room - len('{"text":""}'))}
    deep: Any = {}
    for _ in range(plain.LEVELS - 2):
        deep = {"d": deep}
    with subscribed(place, large="shop.#"), bridge() as made:
        events.publish("shop.large", facts)
        events.publish("shop.deep", deep)
        relay = EventRelay(threading.Event())
        assert relay.send_batch() == 2
        relay.disconnect()
        wait_until(lambda: made.subscriptions == 2)
    assert Job.objects.count() == 2


def test_a_message_of_an_event_names_no_job() -> None:
    event = Event(pk=7, topic="shop.sold", facts={}, occurred_at=datetime.now(UTC))
    assert "id" not in event_message(event).headers


def test_an_event_becomes_a_job_with_what_it_says(place: Place) -> None:
    with subscribed(place, sales="shop.#"), bridge():
        put(place, "events_sales", fact(7, order=3))
        job = wait_until(Job.objects.first)
    assert job is not None
    assert job.id == f"event:7:sales:{round(datetime.fromisoformat(NOON).timestamp() * 1000)}"
    assert (job.task, job.source, job.tags) == (
        "apps.messaging.tests.sample_tasks.note_task", "event", ["shop.sold"],
    )  # fmt: skip
    assert job.args is not None
    assert (job.args[0]["id"], job.args[0]["facts"]) == (7, {"order": 3})


def test_the_same_message_twice_is_one_job_for_each_subscription(place: Place) -> None:
    with subscribed(place, sales="shop.#", books="#.sold"), bridge() as made:
        for queue in ("events_sales", "events_books"):
            put(place, queue, fact(1), fact(1), fact(2))
        put(place, "events_sales", fact(1))
        wait_until(lambda: made.subscriptions == 7)
    assert [job_id[:14] for job_id in ids()] == [
        "event:1:books:", "event:1:sales:", "event:2:books:", "event:2:sales:",
    ]  # fmt: skip


def test_what_is_no_event_goes_to_the_dead_and_holds_up_nothing(rabbitmq: Place) -> None:
    bad = ["{", '"x"', "{}", fact(1, topic="No"), fact(1).replace("+00:00", ""), fact(1, word="a\0b")]
    with subscribed(rabbitmq, picky="shop.#"), bridge():
        put(rabbitmq, "events_picky", *bad, fact(9))
        wait_until(Job.objects.exists)
        with rabbitmq.channel() as channel:
            dead = Queue("dead", channel=channel)
            for _ in bad:
                message: Any = wait_until(lambda: dead.get(no_ack=True))
                assert message.delivery_info["routing_key"] == "events_picky"
    assert [job_id[:13] for job_id in ids()] == ["event:9:picky"]


def test_one_that_nobody_thought_of_is_singled_out(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    real = bridging.hand_in

    def fails(arrival: Any) -> None:
        if '"id": 2' in str(arrival.message.body):
            raise ZeroDivisionError
        real(arrival)

    monkeypatch.setattr(bridging, "hand_in", fails)
    with subscribed(place, odd="shop.#"), bridge() as made:
        put(place, "events_odd", fact(1), fact(2), fact(3))
        wait_until(lambda: made.subscriptions == 2)
    assert [job_id[:12] for job_id in ids()] == ["event:1:odd:", "event:3:odd:"]


def test_what_an_earlier_pattern_left_in_the_queue_is_passed_over(place: Place) -> None:
    with subscribed(place, narrow="shop.order.*"), bridge() as made:
        put(place, "events_narrow", fact(1, topic="shop.sold"), fact(2, topic="shop.order.paid"))
        wait_until(lambda: made.subscriptions == 2)
    assert [job_id[:15] for job_id in ids()] == ["event:2:narrow:"]


@pytest.mark.parametrize("error", [OperationalError, InternalError, ProgrammingError])
def test_an_event_waits_for_the_database(
    place: Place, monkeypatch: pytest.MonkeyPatch, error: type[Exception]
) -> None:
    """Away, read only, or before its migration. It is kept in hand: given back, the broker would count it."""
    real, calls = bridging.hand_in, []

    def fails(arrival: Any) -> None:
        calls.append(arrival.message.delivery_info.get("redelivered"))
        if len(calls) <= 3:
            raise error("gone")
        real(arrival)

    monkeypatch.setattr(bridging, "hand_in", fails)
    monkeypatch.setattr(bridging, "OUTAGE_SECONDS", 0.1)
    with subscribed(place, patient="shop.#"), bridge():
        put(place, "events_patient", fact(1))
        wait_until(Job.objects.exists)
    assert len(calls) == 4
    assert not any(calls)


def test_a_queue_that_is_not_declared_stops_no_other(rabbitmq: Place) -> None:
    with subscribed(rabbitmq, here="shop.#", missing="shop.#"):
        with rabbitmq.channel() as channel:
            channel.queue_delete("events_missing")
        with bridge():
            put(rabbitmq, "events_here", fact(1))
            wait_until(Job.objects.exists)


def test_what_stops_before_it_is_settled_comes_again(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bridging.Bridging, "settle", lambda self, arrivals: self.stop.set())
    with subscribed(place, again="shop.#"):
        put(place, "events_again", fact(1))
        with bridge() as made:
            wait_until(made.stop.is_set)
        monkeypatch.undo()
        assert wait_until(lambda: left(place, "events_again"))


def test_a_subscription_that_is_gone_is_remembered(place: Place) -> None:
    with subscribed(place, lasting="shop.#"):
        with subscribed(place, passing="shop.#"), bridge():
            wait_until(lambda: Subscription.objects.count() == 2)
        with bridge():
            wait_until(lambda: Subscription.objects.exclude(gone_at=None).exists())
    assert list(Subscription.objects.exclude(gone_at=None).values_list("name", flat=True)) == ["passing"]


@pytest.mark.parametrize(
    ("pattern", "name", "problem"),
    [
        ("Shop.*", "a", "dotted lower-case words"),
        ("shop.*", "A", "name: expected"),
        ("shop.*", "a" * 61, "name"),
    ],
)
def test_a_mistake_in_a_subscription_is_told_at_import(pattern: str, name: str, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        subscribe(pattern, name=name)


def test_a_name_is_taken_once(place: Place) -> None:
    with subscribed(place, taken="shop.#"), pytest.raises(ValueError, match="already, of apps.messaging"):
        subscribe("shop.#", name="taken")(lambda event: None)


def test_a_fact_arrives_as_one() -> None:
    given = Fact(1, "shop.sold", {"order": 3}, datetime.now(UTC))
    assert note_task(given) == {"id": 1, "topic": "shop.sold", "order": 3}
