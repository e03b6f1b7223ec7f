"""Who comes first, on both brokers. How soon that is, `benchmarks/priorities.py` measures."""

from pathlib import Path
from typing import Any

import pytest

from apps.gate.tests.limited_tasks import noted, plain_task
from apps.jobs import submit, submit_many
from apps.jobs.publishing import flush
from apps.jobs.tests.lives import running
from apps.jobs.tests.loss_tasks import hold_task, lines
from apps.jobs.wire import routing_keys
from apps.messaging.tests.places import Place
from project import broker, topology
from project.broker import declare
from project.topology import QueueRow
from tests.waiting import wait_until

pytestmark = [pytest.mark.usefixtures("transactional_db")]

KNOWN = "apps.gate.tests.limited_tasks,apps.jobs.tests.loss_tasks"
CLASSIC = QueueRow("by_turns", "classic, for its priorities", classic=True)
URGENT, ABOVE = range(200, 210), range(100, 103)


def test_urgent_jobs_pass_by_those_that_wait(place: Place, tmp_path: Path) -> None:
    place.declare()
    submit(hold_task, kwargs={"place": str(tmp_path)}, priority=3)
    submit_many(plain_task, [[mark] for mark in range(20)], priority=9)
    submit_many(plain_task, [[mark] for mark in ABOVE], priority=3)
    submit_many(plain_task, [[mark] for mark in URGENT], priority=0)
    assert flush()
    ordinary = place.worker("-I", KNOWN, "-Q", "default", "-c", "1")
    urgent = place.worker("-I", KNOWN, "-Q", "urgent", "-c", "1")
    with running(ordinary, urgent):
        wait_until(lambda: len(noted("plain")) == len(URGENT), what="the urgent jobs")
        assert sorted(noted("plain")) == [str(mark) for mark in URGENT]
        wait_until(lambda: lines(tmp_path, "starts"), what="the first of the others")
        (tmp_path / "go").touch()
        wait_until(lambda: len(noted("plain")) == 33, what="all jobs")
    others = noted("plain")[len(URGENT) :]
    if not place.amqp:  # inside a queue RabbitMQ has priorities from 4.3 on
        assert others == [str(mark) for mark in [*ABOVE, *range(20)]]


def test_a_classic_queue_knows_priorities_in_every_rabbitmq(
    rabbitmq: Place, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    queue = broker.work_queue(CLASSIC, rabbitmq.url)
    rows = [broker.work_queue(row, rabbitmq.url) for row in topology.QUEUES]
    settings.CELERY_TASK_QUEUES = [*rows, queue]
    with rabbitmq.connect() as connection:
        declare(connection, [*rows, queue])
        monkeypatch.setitem(routing_keys(), queue.name, queue.routing_key)
        for mark, priority in enumerate([9, 5, 9, 3, 5, 4]):
            submit(plain_task, args=[mark], priority=priority, queue=queue.name)
        assert flush()
        bound = queue.bind(connection.default_channel)
        found = [bound.get(no_ack=True) for _ in range(6)]
    assert [message.payload[0] for message in found if message] == [[3], [5], [1], [4], [0], [2]]
