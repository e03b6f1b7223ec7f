"""What happened, written down once."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import connection, transaction
from django.utils import timezone

from apps.cleanup import policies
from apps.jobs import events
from apps.jobs.errors import ArgumentError
from apps.jobs.models import Event
from apps.jobs.tests.many import rows_read

pytestmark = pytest.mark.django_db


def test_an_event_keeps_topic_facts_and_time() -> None:
    before = timezone.now()
    assert events.publish("shop.order_paid", {"order": 7, "by": ["card", None]})
    (found,) = Event.objects.all()
    assert (found.topic, found.facts, found.key) == (
        "shop.order_paid",
        {"order": 7, "by": ["card", None]},
        "",
    )
    assert before - timedelta(minutes=1) < found.occurred_at < before + timedelta(minutes=1)


def test_a_key_records_one_condition_once() -> None:
    assert events.publish("shop.full", {"n": 1}, key="full:1")
    assert not events.publish("shop.full", {"n": 2}, key="full:1")
    assert events.publish("shop.full", {}, key="full:2")
    assert Event.objects.get(key="full:1").facts == {"n": 1}


def test_without_a_key_each_one_counts() -> None:
    assert [events.publish("shop.sold", {}) for _ in range(3)] == [True] * 3
    assert Event.objects.count() == 3


def test_an_event_belongs_to_the_transaction_of_its_caller() -> None:
    with transaction.atomic():
        events.publish("shop.sold", {})
        transaction.set_rollback(True)
    assert not Event.objects.exists()


@pytest.mark.parametrize(
    ("call", "field"),
    [
        ({"topic": "late"}, "topic"),
        ({"topic": "Schedule.late"}, "topic"),
        ({"topic": "schedule..late"}, "topic"),
        ({"topic": "schedule.late "}, "topic"),
        ({"topic": "schedule.late\n"}, "topic"),
        ({"topic": "a." + "b" * 100}, "topic"),
        ({"facts": {"when": timezone.now}}, "facts"),
        ({"facts": {"share": float("nan")}}, "facts"),
        ({"facts": {"name": "a\0b"}}, "facts"),
        ({"facts": {"text": "x" * 70_000}}, "facts"),
        ({"key": "k" * 256}, "key"),
        ({"key": "a\0"}, "key"),
    ],
)
def test_what_can_t_be_an_event_is_refused_by_name(call: dict[str, Any], field: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        events.publish(**{"topic": "schedule.late", "facts": {}, **call})
    assert list(refused.value.problems) == [field]


def test_it_is_logged_unless_it_is_known(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "apps.jobs.events")
    for _ in range(2):
        events.publish("shop.full", {"shelf": 3}, key="full")
    assert [line.getMessage() for line in caplog.records] == ['event shop.full {"shelf": 3}']


def test_the_latest_of_some_topics_is_found_by_the_index() -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO jobs_event (topic, facts, key, occurred_at) SELECT 'shop.t' || n % 5, '{}', '',"
            " now() - n * interval '1 minute' FROM generate_series(1, 20000) AS n"
        )
        cursor.execute("ANALYZE jobs_event")
    wanted = Event.objects.filter(topic="shop.t3").order_by("-occurred_at", "-id")[:1]
    assert rows_read(*wanted.query.sql_with_params()) <= 1
    latest = events.latest("shop.t3", "shop.t4")
    assert latest is not None
    assert latest.topic == "shop.t3"
    assert events.latest("shop.none") is None


def test_events_are_forgotten_in_time() -> None:
    assert policies.find("events").model == "jobs.Event"
