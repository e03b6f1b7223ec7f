"""`manage.py topology` on a real broker, as people and scripts read it."""

import json
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from celery import current_app
from django.conf import settings as project_settings
from django.core.management import CommandError, call_command
from kombu import Connection, Queue

from project.broker import transport_options
from project.management.commands import topology as command
from tests.messages import count, link, publish
from tests.vhosts import Vhost

NAMES = "default, email, data, report, notification, cleanup, urgent"
NOWHERE = "http://127.0.0.1:9"

Topology = Callable[..., str]


@pytest.fixture(scope="module")
def channel(vhost: Vhost) -> Iterator[Any]:
    with link(vhost) as connection:
        yield connection.default_channel


@pytest.fixture
def topology(vhost: Vhost, monkeypatch: pytest.MonkeyPatch, settings: Any) -> Topology:
    """Runs the command on the virtual host; returns what it says."""
    settings.BROKER_MANAGEMENT_URL = vhost.management_url
    options = transport_options(vhost.url)

    def connect(**more: Any) -> Connection:
        return Connection(vhost.url, transport_options=options, **more)

    monkeypatch.setattr(current_app, "connection_for_write", connect, raising=False)

    def run(*words: str) -> str:
        said = StringIO()
        try:
            call_command("topology", *words, stdout=said, stderr=said)
        except CommandError as error:
            said.write(f"ended with {error.returncode}: {error}")
        return said.getvalue()

    return run


def test_without_the_api_the_policies_are_commands_to_run(topology: Topology, settings: Any) -> None:
    settings.BROKER_MANAGEMENT_URL = NOWHERE
    said = topology()
    assert f"7 queues: {NAMES}: changed" in said
    assert f"nothing answered at {NOWHERE}" in said
    assert said.count("\n  rabbitmqctl set_policy --vhost switchyard-tests-") == 3
    assert "ended with" not in said


def test_the_first_run_with_the_api_sets_them_and_the_next_changes_nothing(topology: Topology) -> None:
    assert "Policies work, dead, unrouted: set" in topology()
    said = topology()
    assert said.splitlines() == [f"7 queues: {NAMES}: unchanged", "Policies work, dead, unrouted: unchanged"]
    assert topology("--check") == "7 queues: as they have to be\n"


def test_a_script_reads_json(topology: Topology) -> None:
    told = json.loads(topology("--json"))
    assert told["queues"] == NAMES.split(", ")
    assert (told["mended"], told["differences"], told["commands"]) == ([], [], [])
    assert set(told["policies"].values()) == {"unchanged"}
    assert json.loads(topology("--check", "--json")) == {
        "queues": NAMES.split(", "), "subscriptions": [], "differences": [], "not_checked": "",
    }  # fmt: skip


def test_a_lost_binding_and_a_lost_policy_are_found_and_mended(
    topology: Topology, channel: Any, vhost: Vhost
) -> None:
    channel.queue_unbind("email", "tasks", "#.email")
    with vhost.management() as api:
        api.delete_policy("work")
    said = topology("--check")
    assert "- The binding tasks -> queue email (#.email) is missing. Mend: manage.py topology\n" in said
    assert "- The policy 'work' is missing. Mend: manage.py topology\n" in said
    assert said.endswith("ended with 1: The broker is not as it has to be.")
    assert "- mended: The binding tasks -> queue email (#.email) is missing." in topology()
    assert "ended with" not in topology("--check")


def test_a_subscription_is_declared_and_one_that_is_gone_gets_nothing_more(
    topology: Topology, channel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What waits in its queue stays; queues that others bound are left alone."""
    rows = {"orders": "shop.order.*", "books": "shop.#"}
    monkeypatch.setattr("apps.messaging.subscribing.patterns", lambda: rows)
    assert "2 subscriptions: events_orders, events_books" in topology()
    channel.queue_declare("theirs", durable=True, auto_delete=False)
    channel.queue_bind("theirs", "events", "shop.#")
    rows.pop("books")
    rows["orders"] = "shop.#"
    said = topology("--check")
    assert "The queue events_books still gets the events of 'shop.#'." in said
    assert "The queue events_orders still gets the events of 'shop.order.*'." in said
    assert "theirs" not in said
    topology()
    publish(channel.connection.client, "shop.order.paid", {}, "events")
    counts = [count(channel.connection.client, name) for name in ("events_orders", "events_books", "theirs")]
    assert counts == [1, 0, 1]
    for name in ("events_orders", "events_books", "theirs"):
        channel.queue_delete(name)


def test_a_second_way_of_notices_is_taken_away(topology: Topology, channel: Any) -> None:
    """A job that took both would run twice."""
    headers = {"x-match": "any", "severity": "critical"}
    channel.queue_bind("email", "notices", "", arguments=headers)
    assert "The queue email still gets the notices of" in topology("--check")
    topology()
    assert topology("--check") == "7 queues: as they have to be\n"


def test_a_changed_setting_changes_the_policy_alone(topology: Topology, settings: Any) -> None:
    settings.QUEUE_DELIVERY_LIMIT = 7
    assert "The policy 'work' says something else." in topology("--check")
    assert "Policies work: set\nPolicies dead, unrouted: unchanged" in topology()


def test_a_policy_of_somebody_else_that_wins_is_told_but_stops_nothing(
    topology: Topology, vhost: Vhost
) -> None:
    with vhost.management() as api:
        body = {"pattern": "^email$", "apply-to": "queues", "priority": 50, "definition": {"max-length": 9}}
        api.set_policy("theirs", body)
        said = topology()
        assert "Without effect:\n- The policy 'theirs' takes the place of 'work'" in said
        assert "ended with" not in said
        assert "ended with 1" in topology("--check")
        api.delete_policy("theirs")


@pytest.mark.parametrize("given", [None, NOWHERE])
def test_a_queue_made_by_hand_is_told_with_the_way_out(
    topology: Topology, channel: Any, settings: Any, given: str | None
) -> None:
    """With the management API and without it."""
    settings.BROKER_MANAGEMENT_URL = given or settings.BROKER_MANAGEMENT_URL
    channel.queue_delete("email")
    channel.queue_declare("email", durable=True, auto_delete=False)
    for said in (topology(), topology("--check")):
        assert "The queue email has other arguments" in said
        assert "Mend: manage.py topology --migrate email" in said
        assert "ended with 1" in said
    channel.queue_delete("email")
    assert "ended with" not in topology()


def test_a_missing_queue_is_found_without_the_api_too(
    topology: Topology, channel: Any, settings: Any
) -> None:
    settings.BROKER_MANAGEMENT_URL = NOWHERE
    channel.queue_delete("email")
    said = topology("--check")
    assert "- The queue email is missing. Mend: manage.py topology" in said
    assert "Bindings and policies were not checked: nothing answered" in said


def test_another_kind_of_exchange_can_only_be_mended_by_a_person(topology: Topology, channel: Any) -> None:
    channel.exchange_delete("dead")
    channel.exchange_declare("dead", "fanout", durable=True, auto_delete=False)
    assert "The exchange dead is fanout, not direct. Mend: stop everything" in topology("--check")
    assert "ended with 1" in topology()
    channel.exchange_delete("dead")
    assert "ended with" not in topology()


def test_a_user_without_the_tag_gets_the_commands(topology: Topology, vhost: Vhost, settings: Any) -> None:
    with vhost.management() as api:
        api.ask("PUT", "users", "guard", body={"password": "guarded", "tags": "management"})
        rights = {"configure": "", "write": "", "read": ""}
        api.ask("PUT", "permissions", vhost.vhost, "guard", body=rights)
        settings.QUEUE_DELIVERY_LIMIT = 9
        host = vhost.management_url.rpartition("@")[2]
        settings.BROKER_MANAGEMENT_URL = f"http://guard:guarded@{host}"
        said = topology()
        api.ask("DELETE", "users", "guard")
    assert "refuses the user 'guard'" in said
    assert "it needs the tag policymaker" in said
    assert said.count("rabbitmqctl set_policy") == 1
    assert "guarded" not in said


def test_another_broker_has_nothing_to_check(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        current_app,
        "connection_for_write",
        lambda **_: Connection(project_settings.STATE_REDIS_URL),
        raising=False,
    )
    said = StringIO()
    call_command("topology", "--check", stdout=said)
    assert "neither exchanges nor policies" in said.getvalue()
    call_command("topology", "--json", stdout=said)
    with pytest.raises(CommandError, match="Only RabbitMQ"):
        call_command("topology", "--migrate", "email")


def test_a_broker_out_of_reach_is_a_clear_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "CONNECT_TIMEOUT_SECONDS", 1)
    monkeypatch.setattr(
        current_app,
        "connection_for_write",
        lambda **_: Connection("amqp://user:pw@127.0.0.1:9//"),
        raising=False,
    )
    with pytest.raises(CommandError, match=r"127\.0\.0\.1:9.*did not answer") as error:
        call_command("topology")
    assert "pw" not in str(error.value)


def test_an_unknown_queue_is_not_migrated(topology: Topology) -> None:
    assert "No queue of ours: emial. Ours are default, email" in topology("--migrate", "emial")


def test_a_migration_needs_the_api(topology: Topology, settings: Any) -> None:
    settings.BROKER_MANAGEMENT_URL = NOWHERE
    assert "A migration needs the management API: nothing answered" in topology("--migrate", "email")


def test_queues_of_the_settings_are_those_of_the_command(topology: Topology) -> None:
    names = [queue.name for queue in project_settings.CELERY_TASK_QUEUES if isinstance(queue, Queue)]
    assert json.loads(topology("--json"))["queues"] == names
