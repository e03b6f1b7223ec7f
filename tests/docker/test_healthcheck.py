"""docker/healthcheck.py tells a process at work from one that is not."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from project.servers.ports import free_port
from tests.docker.composition import DOCKER
from tests.docker.conftest import Begin
from tests.docker.stack import Stack
from tests.waiting import wait_until

SCRIPT = DOCKER / "healthcheck.py"


def check(home: Path, **variables: str) -> tuple[int, str]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), **variables}
    argv = [sys.executable, "-I", "-S", str(SCRIPT)]
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, timeout=30)
    assert done.stderr == ""
    return done.returncode, done.stdout


def test_before_the_process_has_started_it_is_not_healthy(tmp_path: Path) -> None:
    assert check(tmp_path)[0] == 1


def test_a_process_that_is_gone_is_not_healthy(tmp_path: Path) -> None:
    (tmp_path / ".switchyard-process").write_text("worker 4194304\n")
    assert check(tmp_path, CELERY_BROKER_URL="amqp://rabbitmq")[0] == 1


def test_a_process_without_a_connection_to_the_broker_is_not_healthy(tmp_path: Path) -> None:
    (tmp_path / ".switchyard-process").write_text(f"worker {os.getpid()}\n")
    assert check(tmp_path, CELERY_BROKER_URL="amqp://rabbitmq:9999/switchyard") == (
        1, "Sick: no connection to the broker's port 9999\n",
    )  # fmt: skip


def test_it_costs_little(tmp_path: Path) -> None:
    """It runs every fifteen seconds in every container."""
    (tmp_path / ".switchyard-process").write_text(f"worker {os.getpid()}\n")
    began = os.times()
    for _ in range(5):
        check(tmp_path, CELERY_BROKER_URL="amqp://rabbitmq")
    spent = os.times()
    assert (
        spent.children_user + spent.children_system - began.children_user - began.children_system
    ) / 5 < 0.3


def test_a_site_is_healthy_while_it_answers(begin: Begin) -> None:
    web = begin("web", WEB_PORT=str(free_port(None)), ALLOWED_HOSTS='[".example.com", "localhost"]')
    wait_until(web.healthy, 20, "the site to be healthy")
    web.signal(signal.SIGTERM)
    wait_until(lambda: not web.healthy(), 20, "the stopped site to be sick")


@pytest.mark.faults
def test_a_frozen_worker_is_found_out_by_the_broker(begin: Begin) -> None:
    """The broker hangs up on who misses two heartbeats, here of two seconds."""
    worker = begin("worker", CELERY_BROKER_HEARTBEAT="2")
    assert worker.healthy()
    worker.signal(signal.SIGSTOP)
    wait_until(lambda: not worker.healthy(), 5, "the frozen worker to be sick")
    worker.signal(signal.SIGCONT)
    wait_until(worker.healthy, 30, "the woken worker to be healthy")


@pytest.mark.faults
def test_a_worker_that_lost_its_broker_is_not_healthy(stack: Stack, begin: Begin) -> None:
    worker = begin("worker")
    assert worker.healthy()
    stack.rabbitmq.kill()
    try:
        wait_until(lambda: not worker.healthy(), 30, "the lonely worker to be sick")
    finally:
        stack.rabbitmq.restart()
    wait_until(worker.healthy, 60, "the worker to find the broker again")


def test_a_beat_that_does_not_move_is_not_healthy(begin: Begin) -> None:
    beat = begin("beat")
    wait_until(beat.healthy, 30, "beat to be healthy")
    beat.signal(signal.SIGSTOP)
    assert not beat.healthy()
    beat.signal(signal.SIGCONT)
    wait_until(beat.healthy, 10, "the woken beat to be healthy")


def test_a_recorder_is_healthy_while_it_moves(begin: Begin) -> None:
    recorder = begin("recorder")
    wait_until(recorder.healthy, 20, "the recorder to be healthy")
    recorder.signal(signal.SIGSTOP)
    wait_until(lambda: not recorder.healthy(), 5, "the frozen recorder to be sick")
    recorder.signal(signal.SIGCONT)
    wait_until(recorder.healthy, 10, "the woken recorder to be healthy")


@pytest.mark.parametrize(
    ("age", "text", "said"),
    [
        (0, "", ""),
        (0, "relay sweep", "Sick: stuck: relay sweep\n"),
        (60, "", "Sick: has not moved for 60 s\n"),
    ],
)
def test_a_recorder_says_which_duty_is_stuck(tmp_path: Path, age: float, text: str, said: str) -> None:
    (tmp_path / ".switchyard-process").write_text(f"recorder {os.getpid()}\n")
    pulse = tmp_path / ".switchyard-pulse"
    pulse.write_text(text)
    os.utime(pulse, (time.time() - age,) * 2)
    assert check(tmp_path) == (int(bool(said)), said)


def test_a_recorder_that_has_not_begun_is_not_healthy(tmp_path: Path) -> None:
    (tmp_path / ".switchyard-process").write_text(f"recorder {os.getpid()}\n")
    assert check(tmp_path)[0] == 1


def test_flower_is_healthy_while_it_answers(begin: Begin) -> None:
    port = str(free_port(None))
    flower = begin("flower", FLOWER_PORT=port, FLOWER_URL_PREFIX="flower")
    wait_until(flower.healthy, 30, "Flower to be healthy")
    began = time.monotonic()
    flower.signal(signal.SIGSTOP)
    assert not flower.healthy()
    assert time.monotonic() - began < 10
