"""A broker that is away, frozen, full, or breaks off its connections."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.chaos.faults import HUGE_DISK, SMALL_DISK
from tests.faults.ledger import Ledger
from tests.faults.stage import Stage, calls
from tests.waiting import wait_until

pytestmark = [pytest.mark.faults, pytest.mark.slow]

OUTAGE_SECONDS, FREEZE_SECONDS, CLOSINGS = 30, 10, 20
CLOSE_EVERY_SECOND = """
[begin
   [catch rabbit_networking:close_connection(Pid, "a fault") || Pid <- rabbit_networking:connections()],
   timer:sleep(1000)
 end || _ <- lists:seq(1, {times})], ok.
"""


def hand_in_for(stage: Stage, seconds: float, word: str) -> list[str]:
    """A job every half second; each call returns within a second."""
    until, ids = time.monotonic() + seconds, list[str]()
    while time.monotonic() < until:
        ids += stage.web.submit({"name": f"{word}-{len(ids)}"})
        threading.Event().wait(0.5)
    return ids


@contextmanager
def disk_alarm(stage: Stage) -> Iterator[None]:
    stage.rabbitmq.ctl("set_disk_free_limit", HUGE_DISK)
    try:
        wait_until(
            lambda: "disk" in stage.rabbitmq.ctl("eval", "rabbit_alarm:get_alarms()."), what="the alarm"
        )
        yield
    finally:
        stage.rabbitmq.ctl("set_disk_free_limit", SMALL_DISK)


def test_a_broker_stopped_for_half_a_minute_holds_up_no_caller_and_loses_no_job(
    stage: Stage, ledger: Ledger
) -> None:
    before = stage.web.submit(*calls("before", 20, sleep_ms=500), how="many")
    wait_until(lambda: ledger.running(before), what="the first to run")
    stage.rabbitmq.stop()
    meanwhile = hand_in_for(stage, OUTAGE_SECONDS, "stopped")
    stage.rabbitmq.restart()
    ledger.check_success(before + meanwhile)


def test_a_frozen_broker_holds_up_no_caller_and_loses_no_job(stage: Stage, ledger: Ledger) -> None:
    before = stage.web.submit(*calls("thawed", 40, sleep_ms=200), how="many")
    wait_until(lambda: ledger.running(before), what="the first to run")
    stage.rabbitmq.freeze()
    at_once = stage.web.submit(*calls("cold", 20), how="together")
    meanwhile = hand_in_for(stage, FREEZE_SECONDS, "frozen")
    stage.rabbitmq.thaw()
    ledger.check_success(before + at_once + meanwhile)


def test_twenty_callers_at_once_return_under_a_disk_alarm(stage: Stage, ledger: Ledger) -> None:
    with disk_alarm(stage):
        ids = stage.web.submit(*calls("alarm", 20), how="together")
        ids += stage.web.submit(*calls("later", 20), how="together")
        assert ledger.starts(ids) == 0
    ledger.check_success(ids)


def test_connections_closed_every_second_lose_no_job(stage: Stage, ledger: Ledger) -> None:
    closing = threading.Thread(
        target=stage.rabbitmq.ctl, args=("eval", CLOSE_EVERY_SECOND.format(times=CLOSINGS))
    )
    first = stage.web.submit(*calls("early", 60, sleep_ms=300), how="many")
    closing.start()
    meanwhile: list[str] = []
    while closing.is_alive():
        meanwhile += stage.web.submit({"name": f"closed-{len(meanwhile)}", "sleep_ms": 100})
        closing.join(0.2)
    ledger.check_success(first + meanwhile)
