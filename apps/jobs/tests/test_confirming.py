"""A window of messages: each is confirmed, refused with a reason, or not known of."""

import time
from collections.abc import Iterator
from typing import Any

import pytest
from celery import current_app
from django.utils import timezone
from kombu import Connection, Exchange, Queue

from apps.jobs import confirming
from apps.jobs.confirming import Window
from apps.jobs.models import Job
from apps.jobs.tests.ledger import TASK
from apps.jobs.tests.mailbox import Line, empty, letters
from apps.jobs.wire import Message, message

pytestmark = pytest.mark.usefixtures("no_others")


@pytest.fixture(autouse=True)
def empty_queues() -> Iterator[None]:
    empty()
    yield
    empty()


@pytest.fixture
def line(broker: str) -> Iterator[Line]:
    with Line(broker).leading_there() as made:
        yield made


def to(exchange: str, job_id: str) -> Message:
    return Message(job_id, exchange, "anywhere", {"id": job_id, "task": TASK}, {}, "[]")


def orders(count: int, size: int = 0) -> list[Message]:
    return [
        message(Job(id=f"job-{n}", task=TASK, queue="default", args=[n, "x" * size], kwargs={}, priority=5,
                    outbox={}, submitted_at=timezone.now()))
        for n in range(count)
    ]  # fmt: skip


def test_every_message_of_a_window_is_confirmed() -> None:
    with Window() as window:
        answers = window.publish(orders(1000))
    assert answers == {f"job-{n}": None for n in range(1000)}
    assert sorted(letter.body[0][0] for letter in letters("default")) == list(range(1000))


def test_a_window_is_used_again_and_again() -> None:
    with Window() as window:
        for _ in range(20):
            assert set(window.publish(orders(3)).values()) == {None}
    assert len(letters("default")) == 60


def test_a_large_message_goes_too() -> None:
    with Window() as window:
        assert window.publish(orders(3, size=500_000)) == dict.fromkeys(["job-0", "job-1", "job-2"])
    assert len(letters("default")) == 3


def test_a_window_of_nothing_asks_for_nothing() -> None:
    with Window() as window:
        assert window.publish([]) == {}


@pytest.fixture
def narrow() -> Iterator[Exchange]:
    """An exchange whose only queue takes one message, and one that leads nowhere."""
    exchange = Exchange("test_narrow", type="fanout")
    limits = {"x-max-length": 1, "x-overflow": "reject-publish", "x-queue-type": "classic"}
    with current_app.connection_for_write() as connection:
        channel = connection.default_channel
        queue = Queue("test_narrow", exchange, queue_arguments=limits).bind(channel)
        lonely = Exchange("test_lonely", type="fanout").bind(channel)
        queue.declare()
        lonely.declare()
        yield exchange
        queue.delete()
        for made in (exchange.bind(channel), lonely):
            made.delete()


def test_a_message_that_no_queue_takes_comes_back_with_the_reason(narrow: Exchange) -> None:
    with Window() as window:
        answers = window.publish([*orders(1), to("test_lonely", "lost"), *orders(2)[1:]])
    assert answers == {"job-0": None, "lost": answers["lost"], "job-1": None}
    assert answers["lost"] == "no queue is bound to test_lonely for anywhere"
    assert len(letters("default")) == 2


def test_a_full_queue_refuses_and_the_others_are_confirmed(narrow: Exchange) -> None:
    with Window() as window:
        answers = window.publish([to("test_narrow", "first"), to("test_narrow", "second"), *orders(1)])
    assert answers == {"first": None, "second": "the queue is full", "job-0": None}


def test_an_exchange_that_does_not_exist_is_an_error_of_the_broker() -> None:
    with Window() as window, pytest.raises(window.errors):
        window.publish([to("test_missing", "lost")])


def test_after_an_error_a_new_window_confirms_its_own(narrow: Exchange) -> None:
    with Window() as window:
        with pytest.raises(window.errors):
            window.publish([*orders(5), to("test_missing", "lost")])
        window.close()
        assert window.publish([*orders(2), to("test_lonely", "lost")])["job-1"] is None


def test_a_broker_that_is_not_there_is_an_error_at_once(line: Line) -> None:
    line.cut()
    began = time.monotonic()
    with Window() as window, pytest.raises(window.errors):
        window.publish(orders(1))
    assert time.monotonic() - began < 5


def test_an_answer_that_does_not_come_is_waited_for_within_bounds(
    line: Line, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(confirming, "CONFIRM_SECONDS", 0.5)
    with Window() as window:
        window.publish(orders(1))
        line.held.set()
        began = time.monotonic()
        assert window.publish(orders(3)) == {}
        assert time.monotonic() - began < 3


def test_a_connection_that_breaks_is_an_error(line: Line) -> None:
    with Window() as window:
        window.publish(orders(1))
        line.drop()
        with pytest.raises(window.errors):
            window.publish(orders(1))
        window.close()
        assert window.publish(orders(1)) == {"job-0": None}


def test_a_message_that_cannot_be_written_spoils_no_other() -> None:
    odd = Message("odd", "tasks", "default", {"id": "odd", "n": 2**70}, {}, "[]")
    with Window() as window:
        answers = window.publish([*orders(2)[:1], odd, *orders(2)[1:]])
        again = window.publish(orders(2))
    assert (answers["job-0"], answers["job-1"], again) == (None, None, {"job-0": None, "job-1": None})
    assert answers["odd"]


def test_closing_asks_nobody(line: Line) -> None:
    window = Window()
    window.publish(orders(1))
    line.held.set()
    began = time.monotonic()
    window.close()
    assert time.monotonic() - began < 2


def test_the_redis_transport_is_sent_to_plainly(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.PUBLISH_OPTIONS = {}
    monkeypatch.setattr(current_app, "connection_for_write", lambda: Connection("memory://"))
    with Window() as window:
        channel: Any = window.connection.default_channel
        Queue("default", Exchange("tasks", type="topic"), routing_key="default").bind(channel).declare()
        assert window.publish(orders(2)) == {"job-0": None, "job-1": None}
        assert channel.queue_declare("default", passive=True).message_count == 2
