"""A queue in use gets other arguments, on a real broker, and no message is lost."""

import threading
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from amqp import Message
from amqp.exceptions import AMQPError, ConsumerCancelled
from kombu import Producer, Queue
from kombu.transport.native_delayed_delivery import calculate_routing_key

from project.broker import work_queue
from project.rabbitmq.detour import Detour
from project.rabbitmq.management import Management
from project.rabbitmq.migrating import Migration, MigrationError, Patience
from project.topology import QueueRow
from tests.messages import count, link, publish, publish_later, taken, waiting
from tests.vhosts import Vhost
from tests.waiting import wait_until

HASTE = Patience(rest_seconds=0.5, refuge_rest_seconds=0.5, held_seconds=30)
STEPS = ("_divert", "_empty_old", "_remove_old", "_renew", "_empty_refuge", "_tidy")


class Killed(BaseException):
    """What no code of ours catches."""


class Publisher:
    """Publishes to `mail` from a thread of its own, over one channel, as fast as the broker confirms."""

    def __init__(self, vhost: Vhost) -> None:
        self.vhost, self.sent, self.enough = vhost, 0, threading.Event()
        self.errors: list[AMQPError] = []
        self.thread = threading.Thread(target=self.publish)

    def __enter__(self) -> "Publisher":
        self.thread.start()
        wait_until(lambda: self.sent > 20, what="the publisher to begin")
        return self

    def __exit__(self, *_: object) -> None:
        self.enough.set()
        self.thread.join()

    def publish(self) -> None:
        with link(self.vhost) as connection, connection.channel() as channel:
            producer = Producer(channel)
            while not self.enough.wait(0.002):
                try:
                    producer.publish(
                        f"new {self.sent}", exchange="tasks", routing_key="mail", mandatory=True, retry=False
                    )
                except AMQPError as error:
                    self.errors.append(error)
                    return
                self.sent += 1

    @property
    def bodies(self) -> list[str]:
        return [f"new {number}" for number in range(self.sent)]


@pytest.fixture(scope="module")
def connection(vhost: Vhost) -> Iterator[Any]:
    with link(vhost) as connection:
        yield connection


@pytest.fixture(scope="module")
def api(vhost: Vhost) -> Iterator[Management]:
    with vhost.management() as api:
        yield api


@pytest.fixture
def channel(connection: Any) -> Iterator[Any]:
    """With a classic queue `mail` made by hand, on the exchange `tasks`."""
    with connection.channel() as channel:
        channel.exchange_declare("tasks", "topic", durable=True, auto_delete=False)
        channel.queue_declare("mail", durable=True, auto_delete=False)
        channel.queue_bind("mail", "tasks", "mail")
        yield channel
    with connection.channel() as channel:
        for name in ("mail", "mail_moving"):
            channel.queue_delete(name)


class UnheldMigration(Migration):
    """Where nobody holds a message there is no need to wait for the broker's figures."""

    def _held(self) -> int:
        return 0


@pytest.fixture
def migration(vhost: Vhost, connection: Any, api: Management, channel: Any) -> Migration:
    queue = work_queue(QueueRow("mail", "tests"), vhost.url)
    return UnheldMigration(connection, api, queue, lambda _text: None, patience=HASTE)


def fill(connection: Any, number: int) -> list[str]:
    bodies = [f"old {each}" for each in range(number)]
    with connection.channel() as channel:
        for body in bodies:
            channel.basic_publish(Message(body), exchange="tasks", routing_key="mail")
    return bodies


def bodies(connection: Any, queue: str = "mail") -> Counter[str]:
    return Counter(str(message.payload) for message in iter(lambda: waiting(connection, queue), None))


def is_finished(api: Management) -> bool:
    mail = api.queue("mail") or {}
    leftovers = [
        api.queue("mail_moving"),
        api.exchange("mail_moving"),
        api.find("policies", api.vhost, "mail_moving"),
    ]
    return mail["arguments"]["x-dead-letter-routing-key"] == "mail" and leftovers == [None, None, None]


@pytest.mark.slow
def test_two_thousand_messages_survive_while_more_come(
    migration: Migration, vhost: Vhost, connection: Any, api: Management
) -> None:
    migration = Migration(connection, api, migration.queue, print, patience=HASTE)
    old = fill(connection, 2000)
    with Publisher(vhost) as publisher:
        assert migration.run()
        wait_until(lambda: publisher.sent > 50)
    assert publisher.errors == []
    assert bodies(connection) == Counter(old + publisher.bodies)
    assert is_finished(api)
    assert not migration.run()


@pytest.mark.parametrize("step", STEPS)
def test_who_is_killed_after_a_step_goes_on_from_there(
    migration: Migration, api: Management, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    old = fill(migration.connection, 120)
    real = getattr(Migration, step)

    def killed(self: Migration, *args: Any) -> None:
        real(self, *args)
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(Migration, step, killed)
        with pytest.raises(Killed):
            migration.run()
    publish(migration.connection, "mail", "between")
    assert migration.run() is (step != "_tidy")
    assert bodies(migration.connection) == Counter([*old, "between"])
    assert is_finished(api)


def test_what_a_message_says_of_its_way_stays_true(migration: Migration, connection: Any) -> None:
    """A retry reads its queue from it."""
    delayed = calculate_routing_key(5, "mail")
    for key in ("mail", delayed):
        publish(connection, "mail", key) if key == "mail" else migration.api  # the old one takes no delays
    migration._divert()
    publish(connection, delayed, delayed)
    migration.run()
    ways = {
        message.payload: message.delivery_info for message in iter(lambda: waiting(connection, "mail"), None)
    }
    assert {way["exchange"] for way in ways.values()} == {"tasks"}
    assert {body: way["routing_key"] for body, way in ways.items()} == {"mail": "mail", delayed: delayed}


def test_delayed_messages_find_the_refuge_and_the_new_queue(migration: Migration, connection: Any) -> None:
    migration.run()
    migration._divert()
    publish_later(connection, "mail", "late")
    wait_until(lambda: count(connection, "mail_moving") == 1, what="the delayed message")
    migration.run()
    assert taken(connection, "mail").payload == "late"


def test_other_exchanges_reach_the_new_queue_as_the_old_one(
    migration: Migration, connection: Any, channel: Any
) -> None:
    channel.exchange_declare("by_hand", "direct", durable=True, auto_delete=False)
    channel.exchange_declare("by_header", "headers", durable=True, auto_delete=False)
    channel.queue_bind("mail", "by_hand", "post")
    channel.queue_bind("mail", "by_header", "", arguments={"x-match": "all", "kind": "mail"})
    channel.queue_bind("mail", "tasks", "post.*")
    publish(connection, "post", "before", exchange="by_hand")
    migration.run()
    publish(connection, "post", "after", exchange="by_hand")
    publish(connection, "", "header", exchange="by_header", headers={"kind": "mail"})
    publish(connection, "post.office", "key")
    assert bodies(connection) == Counter(["before", "after", "header", "key"])
    for name in ("by_hand", "by_header"):
        channel.exchange_delete(name)


def test_consumers_are_refused_with_the_way_out(migration: Migration, channel: Any) -> None:
    channel.basic_consume("mail")
    with pytest.raises(MigrationError, match="mail has 1 consumers.*Stop the workers.*or add --force"):
        migration.run()
    assert migration.api.queue("mail_moving") is None


@pytest.mark.slow
def test_what_a_consumer_holds_is_waited_for(
    vhost: Vhost, connection: Any, api: Management, migration: Migration
) -> None:
    """One that reads no more, as a worker that stops: it is not counted, but may still fail its job."""
    fill(connection, 1)
    patience = Patience(rest_seconds=12, held_seconds=14)
    migration = Migration(connection, api, migration.queue, print, patience=patience)
    with link(vhost) as other, other.channel() as worker:
        wait_until(lambda: worker.basic_get("mail"), what="a delivery")
        with pytest.raises(MigrationError, match="1 messages are still held by a consumer"):
            migration.run()
    wait_until(lambda: count(connection, "mail") == 1, what="the message to come back")


def test_forced_it_cuts_consumers_off_when_their_queue_is_empty(
    migration: Migration, vhost: Vhost, connection: Any
) -> None:
    old = fill(connection, 5)
    migration.force = True
    with link(vhost) as other, other.channel() as worker:
        read: list[Any] = []
        worker.basic_consume("mail", callback=read.append, no_ack=True)
        assert migration.run()
        with pytest.raises(ConsumerCancelled):
            wait_until(lambda: other.drain_events(timeout=1))
    assert bodies(connection) + Counter(message.body for message in read) == Counter(old)


@pytest.mark.parametrize("kind", ["auto_delete", "exclusive", "stream"])
def test_odd_queues_are_moved_or_refused(
    migration: Migration, vhost: Vhost, connection: Any, channel: Any, kind: str
) -> None:
    channel.queue_delete("mail")
    arguments = {"x-queue-type": "stream"} if kind == "stream" else {}
    kinds = {"auto_delete": kind == "auto_delete", "exclusive": kind == "exclusive"}
    channel.queue_declare("mail", durable=True, arguments=arguments, **kinds)
    channel.queue_bind("mail", "tasks", "mail")
    old = fill(connection, 3)
    if kind == "auto_delete":
        assert migration.run()
        assert bodies(connection) == Counter(old)
    else:
        with pytest.raises(MigrationError, match="can't be emptied"):
            migration.run()


def test_only_one_migrates_a_queue_at_a_time(migration: Migration, vhost: Vhost) -> None:
    with link(vhost) as other, migration._alone():
        second = Migration(other, migration.api, migration.queue, print, patience=HASTE)
        with pytest.raises(MigrationError, match="Another migration of mail is running"):
            second.run()


def test_a_queue_that_an_old_worker_makes_anew_is_told(
    migration: Migration, channel: Any, connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, real = fill(connection, 3), Migration._renew

    def meddled(self: Migration) -> None:
        channel.queue_declare("mail", durable=True, auto_delete=False)
        real(self)

    with monkeypatch.context() as patch:
        patch.setattr(Migration, "_renew", meddled)
        with pytest.raises(MigrationError, match="is there still an old worker"):
            migration.run()
    assert migration.run()
    assert bodies(connection) == Counter(old)


def test_what_another_policy_says_of_tasks_goes_on(
    migration: Migration, connection: Any, channel: Any
) -> None:
    channel.exchange_declare("lost", "fanout", durable=True, auto_delete=False)
    channel.queue_declare("lost", durable=True, auto_delete=False)
    channel.queue_bind("lost", "lost")
    body = {"pattern": "^tasks$", "apply-to": "exchanges", "priority": 3}
    migration.api.set_policy("theirs", body | {"definition": {"alternate-exchange": "lost"}})
    migration._divert()
    publish(connection, "nowhere", "stray")
    assert taken(connection, "lost").payload == "stray"
    assert migration.run()
    publish(connection, "nowhere", "stray again")
    assert taken(connection, "lost").payload == "stray again"
    migration.api.delete_policy("theirs")
    channel.queue_delete("lost")


def test_a_tasks_exchange_of_another_kind_is_an_obstacle(migration: Migration, channel: Any) -> None:
    channel.exchange_delete("tasks")
    channel.exchange_declare("tasks", "direct", durable=True, auto_delete=False)
    with pytest.raises(MigrationError, match="The exchange tasks is direct, not topic"):
        migration.run()
    channel.exchange_delete("tasks")
    arguments = {"alternate-exchange": "amq.fanout"}
    channel.exchange_declare("tasks", "topic", durable=True, auto_delete=False, arguments=arguments)
    with pytest.raises(MigrationError, match="declared with an alternate-exchange"):
        migration.run()
    channel.exchange_delete("tasks")


def test_during_a_detour_wrong_keys_are_still_errors(migration: Migration, connection: Any) -> None:
    migration._divert()
    with pytest.raises(Exception, match="NO_ROUTE"):
        publish(connection, "nowhere", {})
    detour = Detour(connection, migration.api, "mail_moving")
    detour.close()
    with pytest.raises(Exception, match="NO_ROUTE"):
        publish(connection, "mail", {})
    Queue("mail", channel=connection.default_channel).bind_to("tasks", "mail")
