"""The policies as data, and what they do on a real broker."""

import json
import re
import runpy
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
from amqp.exceptions import MessageNacked
from kombu import Queue

from project.broker import declare, work_queue
from project.environment import BASE_DIR
from project.rabbitmq.management import Management
from project.rabbitmq.policies import Limits, Policy, displacing, release, same, wanted_policies
from project.rabbitmq.upkeep import apply
from project.topology import QUEUES, QueueRow
from tests.messages import count, link, publish, reasons, taken
from tests.vhosts import Vhost
from tests.waiting import wait_until

LIMITS = Limits(deliveries=20, max_bytes=2_000_000_000)
NAMES = [row.name for row in QUEUES]


@pytest.fixture(scope="module")
def connection(vhost: Vhost) -> Iterator[Any]:
    with link(vhost) as connection:
        declare(connection, [work_queue(QueueRow("probe", "tests"), vhost.url)])
        yield connection


@pytest.fixture
def api(connection: Any, vhost: Vhost) -> Iterator[Management]:
    with vhost.management() as api:
        yield api
        for row in api.policies():
            api.delete_policy(row["name"])


def by_name(version: str = "4.3.5") -> dict[str, Policy]:
    return {policy.name: policy for policy in wanted_policies(NAMES, LIMITS, version)}


def test_a_pattern_catches_the_queues_of_the_table_and_no_other() -> None:
    pattern = by_name()["work"].pattern
    assert all(re.search(pattern, name) for name in NAMES)
    others = ("dead", "unrouted", "celery_delayed_0", "email2", "my_email", "email_moving")
    assert not any(re.search(pattern, name) for name in others)


@pytest.mark.parametrize(
    ("version", "knows"),
    [
        ("3.10.8", False),
        ("4.0.5", False),
        ("4.2.10", False),
        ("4.3.0-rc.1", True),
        ("4.10.0", True),
        ("", False),
    ],
)
def test_delayed_retries_are_asked_only_of_brokers_that_know_them(version: str, knows: bool) -> None:
    assert ("delayed-retry-type" in by_name(version)["work"].definition) is knows


def test_there_is_no_alternate_exchange_for_tasks() -> None:
    """A publisher would no longer hear that no queue takes its message."""
    (policy,) = [policy for policy in by_name().values() if "alternate-exchange" in policy.definition]
    assert not re.search(policy.pattern, "tasks")


@pytest.mark.parametrize("version", ["x", "4", ""])
def test_a_version_without_numbers_is_old(version: str) -> None:
    assert release(version) == (0, 0)


def test_the_command_for_a_shell_says_the_same() -> None:
    words = shlex.split(by_name()["work"].command("my vhost"))
    assert words[:4] == ["rabbitmqctl", "set_policy", "--vhost", "my vhost"]
    assert words[-2] == by_name()["work"].pattern
    assert json.loads(words[-1])["delivery-limit"] == 20


def test_docker_starts_with_the_same_limits() -> None:
    definitions = runpy.run_path(str(BASE_DIR / "docker" / "rabbitmq" / "definitions.py"))
    theirs = {row["name"]: row for row in definitions["POLICIES"]}
    assert theirs.keys() == by_name().keys()
    for name, policy in by_name().items():
        assert theirs[name]["definition"] == policy.definition
        assert theirs[name]["apply-to"] == policy.apply_to
        assert all(re.search(theirs[name]["pattern"], each) for each in policy.names)


@pytest.mark.parametrize(
    ("row", "wins"),
    [
        ({"name": "all", "pattern": ".*", "apply-to": "all", "priority": 11}, True),
        ({"name": "even", "pattern": "^email$", "apply-to": "quorum_queues", "priority": 10}, True),
        ({"name": "low", "pattern": ".*", "apply-to": "queues", "priority": 9}, False),
        ({"name": "exchanges", "pattern": ".*", "apply-to": "exchanges", "priority": 99}, False),
        ({"name": "elsewhere", "pattern": "^video", "apply-to": "queues", "priority": 99}, False),
    ],
)
def test_a_policy_that_takes_the_place_of_ours_is_seen(row: dict[str, Any], wins: bool) -> None:
    assert displacing(by_name()["work"], [row]) == ([row["name"]] if wins else [])


def test_policies_are_set_once_and_changed_when_the_settings_do(api: Management) -> None:
    first = wanted_policies(["probe"], LIMITS, "3.10.8")
    assert set(apply(first, api)[0].values()) == {"set"}
    assert set(apply(first, api)[0].values()) == {"unchanged"}
    changed = wanted_policies(["probe"], Limits(5, 2_000_000_000), "3.10.8")
    assert apply(changed, api) == ({"work": "set", "dead": "unchanged", "unrouted": "unchanged"}, "")
    assert same(changed[0], {row["name"]: row for row in api.policies()}["work"])


def test_a_lower_limit_takes_effect_on_a_queue_in_use(api: Management, connection: Any) -> None:
    """The broker's side of it: a job that takes its worker down is redelivered so often, then dead."""
    publish(connection, "probe", {"poison": True})
    assert refused_until_dead(connection, 3) == 0
    apply(wanted_policies(["probe"], Limits(5, 2_000_000_000), "3.10.8"), api)
    assert 0 < refused_until_dead(connection, 20) <= 6
    message = taken(connection, "dead")
    assert (reasons(message), message.payload) == (["delivery_limit"], {"poison": True})


def test_a_message_is_delivered_once_more_than_the_limit(api: Management, connection: Any) -> None:
    apply(wanted_policies(["probe"], Limits(4, 2_000_000_000), "3.10.8"), api)
    publish(connection, "probe", {})
    assert refused_until_dead(connection, 20) == 5
    assert reasons(taken(connection, "dead")) == ["delivery_limit"]


def test_a_full_queue_refuses_the_publisher(api: Management, connection: Any) -> None:
    apply([Policy("work", "queues", ("probe",), {"max-length-bytes": 3_000})], api)
    wait_until(lambda: refused(connection), 30, "a refusal")
    assert count(connection, "dead") == 0
    Queue("probe", channel=connection.default_channel).purge()


def refused_until_dead(connection: Any, times: int) -> int:
    """Rejects the message with requeue; returns at which delivery it was the last, 0: not yet."""
    with connection.channel() as channel:
        queue = Queue("probe", channel=channel)
        for delivery in range(1, times + 1):
            message: Any = wait_until(queue.get, what="a delivery")
            message.requeue()
            if gone(connection):
                return delivery
    return 0


def gone(connection: Any) -> bool:
    """Whether it is among the dead, once it is anywhere."""
    wait_until(lambda: count(connection, "probe") + count(connection, "dead"), what="the message")
    return count(connection, "dead") > 0


def refused(connection: Any) -> bool:
    try:
        publish(connection, "probe", "x" * 1_000)
    except MessageNacked:
        return True
    return False
