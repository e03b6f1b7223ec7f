"""`manage.py topology --migrate`, killed with -9 at random points and started again."""

import os
import random
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from amqp import Message

from project.environment import BASE_DIR
from project.rabbitmq.moving import WINDOW
from tests.messages import link, waiting
from tests.vhosts import Vhost
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

NUMBER = 2000


@pytest.fixture(scope="module")
def connection(vhost: Vhost) -> Iterator[Any]:
    """With `email` as a classic queue that holds the messages."""
    with link(vhost) as connection:
        channel = connection.channel()
        channel.exchange_declare("tasks", "topic", durable=True, auto_delete=False)
        channel.queue_declare("email", durable=True, auto_delete=False)
        channel.queue_bind("email", "tasks", "email")
        for number in range(NUMBER):
            channel.basic_publish(Message(f"{number}"), exchange="tasks", routing_key="email")
        yield connection


def migrate(vhost: Vhost) -> "subprocess.Popen[str]":
    environment = os.environ | {
        "CELERY_BROKER_URL": vhost.url,
        "CELERY_BROKER_MANAGEMENT_URL": vhost.management_url,
    }
    return subprocess.Popen(
        [sys.executable, "manage.py", "topology", "--migrate", "email"],
        cwd=BASE_DIR, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def killed_when(vhost: Vhost, moment: Callable[[], bool]) -> None:
    process = migrate(vhost)
    wait_until(lambda: moment() or process.poll() is not None, 120, "the moment to kill")
    assert process.poll() is None, process.communicate()[0]
    process.send_signal(signal.SIGKILL)
    process.communicate()


def messages(connection: Any, queue: str) -> int:
    """How many there are; -1: no such queue."""
    with connection.channel() as channel:
        try:
            return int(channel.queue_declare(queue, passive=True).message_count)
        except channel.connection.channel_errors:
            return -1


def kind(vhost: Vhost) -> str:
    with vhost.management() as api:
        return str((api.queue("email") or {}).get("type"))


def test_two_thousand_messages_survive_two_kills(connection: Any, vhost: Vhost) -> None:
    seed = random.randrange(10**6)
    chance = random.Random(seed)
    there, back = chance.randrange(1, NUMBER - 100), chance.randrange(1, NUMBER - 100)
    kills = f"with seed {seed}, killed after {there} messages were moved out and {back} moved back"
    killed_when(vhost, lambda: messages(connection, "email_moving") >= there)
    killed_when(vhost, lambda: kind(vhost) == "quorum" and messages(connection, "email") >= back)
    process = migrate(vhost)
    said, _ = process.communicate(timeout=120)
    assert process.returncode == 0, said
    assert kind(vhost) == "quorum"
    assert messages(connection, "email_moving") == -1
    found = Counter(message.body for message in iter(lambda: waiting(connection, "email"), None))
    assert set(found) == {str(number) for number in range(NUMBER)}, kills
    assert found.total() - NUMBER <= 2 * WINDOW, kills
