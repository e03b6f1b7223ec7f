"""Who comes first, on both brokers. How soon that is, `benchmarks/priorities.py` measures."""

from pathlib import Path

import pytest

from apps.gate.tests.limited_tasks import noted, plain_task
from apps.jobs import submit, submit_many
from apps.jobs.publishing import flush
from apps.jobs.tests.lives import running
from apps.jobs.tests.loss_tasks import hold_task, lines
from apps.messaging.tests.places import Place
from tests.waiting import wait_until

pytestmark = [pytest.mark.usefixtures("transactional_db")]

KNOWN = "apps.gate.tests.limited_tasks,apps.jobs.tests.loss_tasks"
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
