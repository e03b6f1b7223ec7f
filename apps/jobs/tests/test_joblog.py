"""What a job logs is kept for people."""

import json
import logging
import os
import signal
import threading
import time
from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
from redis import ConnectionError as NoRedis

from apps.jobs import joblog, linesending
from apps.jobs.joblog import Line, read
from apps.jobs.linesending import LINES_MOST, Sender, flush, key_of
from apps.jobs.state import state_redis
from apps.jobs.tests import acting_tasks
from apps.jobs.tests.own_worker import KNOWN, own_worker_on, send
from tests.vhosts import Vhost
from tests.waiting import WorkerProcess, wait_until

LOGGER = logging.getLogger("shop.orders")


# --- In a worker --------------------------------------------------------------------------------
@pytest.fixture(scope="module")
def own_worker(vhost: Vhost, django_db_setup: None) -> Iterator[WorkerProcess]:
    yield from own_worker_on(vhost)


@pytest.fixture
def run(vhost: Vhost, own_worker: WorkerProcess) -> Any:
    """Sends a task to that worker and returns the job's id."""
    own_worker.ensure_alive()
    return partial(send, vhost.url)


def lines_of(job_id: str, count: int) -> list[Line]:
    def look() -> list[Line]:
        found = read(job_id)
        return found if len(found) >= count else []

    return wait_until(look, 20, f"{count} lines")


def test_the_lines_of_a_job_are_kept_with_time_level_and_logger(run: Any) -> None:
    (first, second) = lines_of(run(acting_tasks.talk_task, ["one", "two"], level="WARNING"), 2)
    assert (first.message, first.level, first.logger) == ("one", "WARNING", acting_tasks.__name__)
    assert (first.attempt, first.number, second.number) == (1, 1, 2)
    assert abs(first.time.timestamp() - time.time()) < 30


def test_celerys_logger_other_threads_and_traces_are_kept_too(run: Any) -> None:
    found = lines_of(run(acting_tasks.murmur_task), 5)
    messages = [line.message for line in found]
    assert messages[:3] == ["by Celery's logger", "from a thread of its own", "with a trace"]
    assert messages[3] == "Traceback (most recent call last):"
    assert messages[-1] == "ValueError: invalid literal for int() with base 10: 'no number'"
    assert {line.level for line in found[2:]} == {"ERROR"}


def test_each_line_says_which_attempt_it_is_of(run: Any) -> None:
    found = lines_of(run(acting_tasks.halting_task), 2)
    assert [(line.attempt, line.message) for line in found] == [
        (1, "try with 0 retries behind it"),
        (2, "try with 1 retries behind it"),
    ]


def test_lines_of_a_running_job_show_before_it_ends(run: Any) -> None:
    started = time.monotonic()
    assert lines_of(run(acting_tasks.nap_task, 5), 1)[0].message == "asleep"
    assert time.monotonic() - started < 4


def test_the_last_lines_of_very_many_are_kept(run: Any) -> None:
    job_id = run(acting_tasks.chatter_task, 1200)
    wait_until(lambda: (lines := read(job_id)) and lines[-1].number == 1200)
    found = read(job_id)
    assert len(found) == LINES_MOST
    assert [line.number for line in found] == list(range(701, 1201))
    assert 6 * 86_400 < int(state_redis().ttl(key_of(job_id))) <= 7 * 86_400


def test_a_job_that_logs_nothing_leaves_nothing(run: Any) -> None:
    quiet, loud = run(acting_tasks.pay_task, 5), run(acting_tasks.talk_task, ["x"])
    lines_of(loud, 1)
    assert not state_redis().exists(key_of(quiet))


@pytest.mark.parametrize("options", [("-P", "solo"), ("--max-tasks-per-child", "1")])
def test_a_process_sends_its_last_lines_before_it_leaves(
    vhost: Vhost, run: Any, options: tuple[str, str]
) -> None:
    environment = {"CELERY_BROKER_URL": vhost.url, "LOG_FORMAT": "json"}
    process = WorkerProcess("-I", KNOWN, *options, environment=environment)
    process.start()
    try:
        ids = [run(acting_tasks.talk_task, ["last words"]) for _ in range(8)]
        wait_until(lambda: all(read(job_id) for job_id in ids), 20)
    finally:
        process.stop()
    assert {read(job_id)[0].message for job_id in ids} == {"last words"}


def test_a_job_does_not_wait_for_a_redis_that_hangs(monkeypatch: pytest.MonkeyPatch) -> None:
    gate = threading.Event()
    monkeypatch.setattr(linesending, "state_redis", lambda: gate.wait(20) and state_redis())
    with running("hung-job"):
        started = time.monotonic()
        for number in range(3000):
            LOGGER.warning("line %d", number)
        assert time.monotonic() - started < 5
    gate.set()
    assert flush(20)
    assert read("hung-job")[-1].message == "line 2999"


# --- In this process ----------------------------------------------------------------------------
class running:  # noqa: N801 - reads as a sentence
    """This process runs a job."""

    def __init__(self, job_id: str, **request: Any) -> None:
        self.task: Any = acting_tasks.pay_task
        self.request = {"id": job_id, "task": self.task.name, "is_eager": False, "retries": 0, **request}
        self.job_id = job_id

    def __enter__(self) -> None:
        joblog.attach()
        self.task.push_request(**self.request)
        joblog.begin(task_id=self.job_id, task=self.task)

    def __exit__(self, *error: object) -> None:
        joblog.end(task_id=self.job_id)
        self.task.pop_request()


@pytest.fixture(autouse=True)
def detached() -> Iterator[None]:
    yield
    flush(5)
    for name in joblog.ROOTS:
        logging.getLogger(name).removeHandler(joblog._handler)


def kept(job_id: str = "job") -> list[Line]:
    assert flush(5)
    return read(job_id)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("two\nlines\r\n", r"two\nlines\r\n"),
        ("\x1b[31mred\x07", r"\x1b[31mred\x07"),
        ("nul \x00 tab \t", r"nul \x00 tab \t"),
        ("turned \u202e round \u2028", r"turned \u202e round \u2028"),
        ("half \ud800", r"half \ud800"),
        ("Zürich 東京 🙂", "Zürich 東京 🙂"),
        ("%d percent", "%d percent"),
        ("", ""),
    ],
)
def test_what_a_terminal_would_obey_is_escaped(said: str, shown: str) -> None:
    with running("job"):
        LOGGER.warning(said)
    assert [line.message for line in kept()] == [shown]


@pytest.mark.parametrize("text", ["x" * 1_000_000, "ü" * 100_000, "\x00" * 9000, "🙂" * 50_000])
def test_a_line_has_at_most_eight_kilobytes(text: str) -> None:
    with running("job"):
        LOGGER.warning("%s", text)
    (line,) = kept()
    assert 8000 < len(line.message.encode()) <= 8192
    assert line.message.endswith("…")


def test_secrets_of_the_job_and_those_that_tell_what_they_are_are_hidden() -> None:
    with running("job", args=[5], kwargs={"password": "s3cret-s3cret", "note": "fine"}):
        LOGGER.warning("signed in with s3cret-s3cret, %s", "fine")
        LOGGER.warning("Authorization: Bearer abc.def.1234567890 for https://bob:hunter2@shop.example/")
        try:
            int("s3cret-s3cret")
        except ValueError:
            LOGGER.exception("refused")
    said = [line.message for line in kept()]
    assert said[0] == "signed in with [redacted], fine"
    assert said[-1] == "ValueError: invalid literal for int() with base 10: '[redacted]'"
    for secret in ("s3cret", "1234567890", "hunter2"):
        assert secret not in " ".join(said)


def test_an_event_of_structlog_is_one_line() -> None:
    record = logging.LogRecord("shop", 20, "", 0, {"event": "paid", "amount": 5, "_x": 1}, None, None)
    with running("job"):
        LOGGER.handle(record)
    assert kept()[0].message == "paid amount=5"


def test_what_is_logged_outside_a_job_or_by_the_machinery_is_not_kept() -> None:
    LOGGER.warning("before")
    with running("job"):
        for name in ("celery.app.trace", "celery.worker.request", "kombu.connection", "amqp"):
            logging.getLogger(name).error("Task succeeded")
        LOGGER.warning("in it")
    LOGGER.warning("after")
    assert [line.message for line in kept()] == ["in it"]


def test_a_task_run_in_place_inside_a_job_logs_into_the_job() -> None:
    with running("job"):
        acting_tasks.talk_task.apply(args=(["inner"],)).get()
        LOGGER.warning("outer")
    assert [line.message for line in kept()][-1] == "outer"
    assert "inner" in {line.message for line in kept()}


def test_what_cannot_be_formatted_harms_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    class Sour:
        def __str__(self) -> str:
            raise ValueError("no text")

    with running("job"):
        joblog._handler.handle(logging.LogRecord("shop", 20, "", 0, "%s", (Sour(),), None))
        LOGGER.warning("sweet")
    assert [line.message for line in kept()] == ["sweet"]


def test_lines_wait_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    away = [True, True]

    def redis() -> Any:
        if away and away.pop():
            raise NoRedis("nobody there")
        return state_redis()

    monkeypatch.setattr(linesending, "state_redis", redis)
    monkeypatch.setattr(linesending, "OUTAGE_SECONDS", 0.01)
    with running("job"):
        LOGGER.warning("patient")
    assert [line.message for line in kept()] == ["patient"]
    assert away == []


def test_memory_is_bounded_while_redis_is_away(monkeypatch: pytest.MonkeyPatch) -> None:
    sender = Sender()  # never started
    monkeypatch.setattr(linesending, "current", lambda: sender)
    for number in range(5000):
        linesending.send_soon("job", str(number))
    assert len(sender.lines) == linesending.WAITING_MOST
    assert sender.lines[-1] == ("job", "4999")


def test_a_forked_process_sends_its_own_lines() -> None:
    with running("job"):
        LOGGER.warning("parent")
    kept()
    child = os.fork()
    if not child:
        try:
            with running("child-job"):
                LOGGER.warning("child")
            flush(5)
        finally:
            os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(child, 0)
    assert read("child-job")[0].message == "child"


def test_lines_are_plain_json() -> None:
    with running("job", try_number=3):
        LOGGER.error("broken")
    flush(5)
    (text,) = state_redis().lrange(key_of("job"), 0, -1)
    attempt, number, seconds, *words = json.loads(text)
    assert (attempt, number, words) == (3, 1, ["ERROR", "shop.orders", "broken"])
    assert isinstance(seconds, float)
