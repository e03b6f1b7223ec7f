"""`manage.py queue`, on each broker."""

import json
from io import StringIO
from typing import Any

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from django.utils import timezone
from kombu import Producer

from apps.messaging.models import Subscription
from apps.messaging.tests.places import Place, subscribed
from project import broker, topology
from project.broker import unbind_events

pytestmark = pytest.mark.django_db


def queue(*words: str) -> str:
    said = StringIO()
    call_command("queue", *words, stdout=said)
    return said.getvalue()


def listed() -> dict[str, dict[str, Any]]:
    return {row["name"]: row for row in json.loads(queue("list", "--json"))["queues"]}


def refused(*words: str) -> str:
    with pytest.raises(CommandError) as error:
        call_command("queue", *words)
    return f"{error.value.returncode} {error.value}"


def put(place: Place, name: str, count: int) -> None:
    with place.channel() as channel:
        for _ in range(count):
            Producer(channel).publish({}, exchange="", routing_key=name)


def gone(name: str, pattern: str = "shop.#") -> None:
    Subscription.objects.create(name=name, pattern=pattern, task="x", gone_at=timezone.now())


def test_every_queue_is_listed_with_what_waits_and_what_leads_to_it(place: Place) -> None:
    with subscribed(place, sales="shop.*"):
        put(place, "email", 3)
        put(place, "events_sales", 2)
        rows = listed()
        text = queue("list")
        with place.channel() as channel:
            for name in ("email", "events_sales"):
                channel.queue_purge(name)
    assert (rows["email"]["kind"], rows["email"]["ready"], rows["email"]["missing"]) == ("work", 3, False)
    assert rows["email"]["bindings"] == [{"exchange": "tasks", "key": "email", "headers": ""}]
    sales = rows["events_sales"]
    assert (sales["kind"], sales["ready"], sales["pattern"]) == ("subscription", 2, "shop.*")
    assert sales["task"] == "apps.messaging.tests.sample_tasks.note_task"
    assert rows["email"]["consumers"] == (0 if place.amqp else None)
    assert "events: shop.*, -> apps.messaging.tests.sample_tasks.note_task" in text
    if place.amqp:
        assert {"exchange": "notices", "key": "", "headers": lane_text()} in rows["urgent"]["bindings"]
        assert rows["dead"]["kind"] == "dead"
        assert "what 8 queues gave up" in text


def lane_text() -> str:
    (lane,) = topology.expand_lanes()
    return json.dumps({"x-match": "all", **lane.headers}, sort_keys=True)


def test_every_exchange_is_listed(place: Place) -> None:
    place.declare()
    found = {row["name"]: row["type"] for row in json.loads(queue("list", "--json"))["exchanges"]}
    assert (found["tasks"], found["events"], found["broadcast"]) == ("topic", "topic", "fanout")
    if place.amqp:
        assert (found["notices"], found["dead"], found["unrouted"]) == ("headers", "direct", "fanout")


def test_without_the_management_api_amqp_is_asked(rabbitmq: Place, settings: Any) -> None:
    settings.BROKER_MANAGEMENT_URL = "http://127.0.0.1:9"
    with subscribed(rabbitmq, quiet="shop.#"):
        gone("left")
        with rabbitmq.channel() as channel:
            channel.queue_declare("events_left", durable=True, auto_delete=False)
        put(rabbitmq, "events_left", 1)
        rows, text = listed(), queue("list")
        assert (rows["events_quiet"]["ready"], rows["events_left"]["kind"]) == (0, "orphan")
        assert "Bindings are those that have to be there: nothing answered at" in text
        assert queue("delete", "events_left", "--force") == "events_left is deleted, with 1 events\n"


def test_a_queue_that_is_missing_says_what_to_do(rabbitmq: Place) -> None:
    rabbitmq.declare()
    with rabbitmq.channel() as channel:
        channel.queue_delete("cleanup")
    assert listed()["cleanup"]["missing"]
    assert "missing: run manage.py topology" in queue("list")
    rabbitmq.declare()


def test_what_a_subscription_left_behind_is_shown_gets_nothing_more_and_is_deleted(place: Place) -> None:
    with subscribed(place, lost="shop.#"):
        put(place, "events_lost", 2)
    gone("lost")
    assert listed()["events_lost"]["kind"] == "orphan"
    assert "nobody takes its events: manage.py queue delete events_lost" in queue("list")
    place.manage("topology")
    assert listed()["events_lost"]["bindings"] == []
    assert refused("delete", "events_lost") == "2 2 events wait in events_lost: add --force to drop them"
    assert json.loads(queue("delete", "events_lost", "--force", "--json")) == {
        "deleted": "events_lost", "dropped": 2,
    }  # fmt: skip
    assert "events_lost" not in listed()
    assert not Subscription.objects.exists()


def test_only_what_was_left_behind_can_be_deleted(place: Place) -> None:
    with subscribed(place, needed="shop.#"):
        assert "2 events_needed is the queue of a subscription that the code has" in refused(
            "delete", "events_needed"
        )
        assert "2 email is no subscription's" in refused("delete", "email")
        assert "2 expected the queue of a lost subscription, there " in refused("delete", "x")


def test_a_row_whose_queue_is_gone_already_can_go(place: Place) -> None:
    place.declare()
    gone("vanished")
    if place.amqp:
        assert "events_vanished" not in listed()
    queue("delete", "events_vanished")
    assert not Subscription.objects.exists()


def test_another_pattern_takes_the_place_of_the_old_one(valkey_place: Place) -> None:
    with subscribed(valkey_place, moving="shop.#"):
        pass
    row = topology.SubscriptionRow("moving", "shop.*")
    valkey_place.declare(row)
    with valkey_place.connect() as connection:
        taken = {key for name, key in unbind_events(connection, [row]) if name == "events_moving"}
        assert taken == {"shop.#", "shop"}
        assert unbind_events(connection, [row]) == []
        left = [key for key, _, name in connection.channel().get_table("events") if name == "events_moving"]
    assert left == ["shop.*"]


def test_without_a_broker_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(current_app.conf, "broker_read_url", "amqp://user:pw@127.0.0.1:9//")
    said = refused("list")
    assert said.startswith("1 the broker at amqp://user:**@127.0.0.1:9// did not answer")


def test_keys_are_spelled_out_for_redis() -> None:
    assert broker.spelled_out("a.#.b.#") == ["a.#.b.#", "a.#.b", "a.b.#", "a.b"]
    assert broker.spelled_out("#") == ["#"]
