"""The policies of docker/rabbitmq/definitions.py and the limits of docker/rabbitmq/rabbitmq.conf."""

import json
from typing import Any

import pytest
from amqp.exceptions import AMQPError
from kombu import Connection, Consumer
from kombu.transport.native_delayed_delivery import calculate_routing_key

from project.topology import DEAD, QUEUES, TASKS, UNROUTED
from tests.docker.channels import channel, management, publish, waiting
from tests.docker.composition import DOCKER, directives, megabytes, services
from tests.docker.stack import Stack
from tests.waiting import wait_until

Limits = dict[str, dict[str, object]]

CONF = DOCKER / "rabbitmq" / "rabbitmq.conf"


@pytest.fixture(scope="module")
def effective(stack: Stack) -> Limits:
    """What the policies say, by queue."""

    def look() -> list[Any]:
        rows: list[Any] = management(stack, "queues/switchyard")
        return rows if all("effective_policy_definition" in row for row in rows) else []

    rows = wait_until(look, 30, "the management pages to know every queue")
    return {row["name"]: dict(row["effective_policy_definition"] or {}) for row in rows}


@pytest.mark.parametrize("name", [row.name for row in QUEUES])
def test_every_work_queue_has_limits(effective: Limits, name: str) -> None:
    assert effective[name] == {"delivery-limit": 20, "max-length-bytes": 2_000_000_000}


def test_the_dead_are_kept_for_fourteen_days(effective: Limits) -> None:
    assert effective[DEAD]["message-ttl"] == 14 * 86_400_000


@pytest.mark.parametrize("name", [UNROUTED, "celery_delayed_0", "celery_delayed_27"])
def test_queues_that_are_not_for_work_have_no_limits(effective: Limits, name: str) -> None:
    assert effective[name] == {}


def test_a_publisher_hears_when_no_queue_is_bound(stack: Stack) -> None:
    """An alternate exchange on `tasks` would hide it."""
    with channel(stack, "web") as link, pytest.raises(AMQPError, match="NO_ROUTE"):
        publish(link, TASKS, "nowhere")


def test_one_lost_queue_does_not_hold_up_delayed_jobs(stack: Stack) -> None:
    """Forty messages for nobody would fill the window of the last delay queue for minutes."""
    before = waiting(stack, UNROUTED)
    with channel(stack, "web") as link:
        for _ in range(40):
            publish(link, "celery_delayed_27", calculate_routing_key(1, "nowhere"))
        wait_until(lambda: waiting(stack, UNROUTED) == before + 40, 15, "the lost to be caught")
        arrived = waiting(stack, "report")
        publish(link, "celery_delayed_27", calculate_routing_key(1, "report"))
        wait_until(lambda: waiting(stack, "report") == arrived + 1, 5, "the good one")


def test_a_message_over_a_megabyte_is_refused(stack: Stack) -> None:
    with channel(stack, "web") as link, pytest.raises(AMQPError, match="larger than configured max"):
        publish(link, TASKS, "data", "x" * 1_100_000)


def test_a_new_password_replaces_the_old_one(stack: Stack) -> None:
    definitions = json.loads(stack.rabbitmq.definitions.read_text())
    (mine,) = [user for user in definitions["users"] if user["name"] == "monitor"]
    other = next(user["password_hash"] for user in definitions["users"] if user["name"] == "web")
    changed = stack.folder / "changed.json"
    changed.write_text(json.dumps({"users": [mine | {"password_hash": other}]}))
    stack.rabbitmq.ctl("import_definitions", str(changed))
    with pytest.raises(AMQPError), Connection(stack.url("broker_url_monitor")) as link:
        link.channel()
    stack.rabbitmq.ctl("import_definitions", str(stack.rabbitmq.definitions))
    with channel(stack, "monitor") as link:
        Consumer(link)


def test_the_broker_stays_within_its_container() -> None:
    limit = megabytes(services()["rabbitmq"]["mem_limit"])
    assert megabytes(directives(CONF, "=")["vm_memory_high_watermark.absolute"]) <= 0.6 * limit


def test_a_job_ends_before_the_broker_takes_it_away(stack: Stack) -> None:
    minutes_spare = 5 * 60
    script = "from django.conf import settings; print(settings.CELERY_TASK_TIME_LIMIT)"
    limit = int(stack.shell("worker", script))
    assert limit + minutes_spare < int(directives(CONF, "=")["consumer_timeout"]) / 1000
