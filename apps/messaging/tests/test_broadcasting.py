"""A word to every process at once."""

import json
from io import StringIO
from typing import Any

import pytest
from celery import current_app
from django.core.management import CommandError, call_command

from apps.jobs.errors import ArgumentError
from apps.jobs.tests.lives import running
from apps.messaging import broadcasting, levels
from apps.messaging.tests.places import Place, move_here
from project.servers.rabbitmq import RabbitMQ
from tests.waiting import OwnProcess, wait_until

pytestmark = pytest.mark.django_db(transaction=True)


def spread(word: str, *processes: OwnProcess) -> None:
    """Said again until all have heard it: who has just begun may not listen yet."""
    wait_until(lambda: broadcasting.send("shout", {"word": word}) and all_heard(word, processes))


def all_heard(word: str, processes: tuple[OwnProcess, ...]) -> bool:
    return all(f"heard {word}" in process.output_while_alive() for process in processes)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    found: list[Any] = []
    monkeypatch.setitem(broadcasting.HANDLERS, "tested", [found.append])
    return found


def test_two_workers_and_a_recorder_hear_it(place: Place) -> None:
    place.declare()
    processes = (place.worker("-c", "1"), place.worker("-c", "1", "-P", "threads"), place.recorder())
    with running(*processes):
        spread("fire", *processes)


def test_a_bad_handler_ends_nothing(place: Place) -> None:
    place.declare()
    worker = place.worker("-c", "1")
    with running(worker):
        spread("fall", worker)
        spread("again", worker)
        assert "the broadcast shout failed in fall" in worker.output_while_alive()


@pytest.mark.faults
def test_listeners_come_back_after_the_broker(
    own_rabbitmq: RabbitMQ, monkeypatch: pytest.MonkeyPatch, settings: Any
) -> None:
    place = Place(own_rabbitmq.url, own_rabbitmq.management_url)
    move_here(place, monkeypatch, settings)
    place.declare()
    processes = (place.worker("-c", "1"), place.recorder())
    with running(*processes):
        spread("before", *processes)
        own_rabbitmq.kill()
        assert not broadcasting.send("shout", {"word": "nobody"})
        own_rabbitmq.restart()
        spread("after", *processes)


def test_the_log_level_of_running_workers_changes(place: Place) -> None:
    """In the processes of the pool too, which hear no broadcast."""
    place.declare()
    worker = place.worker("-c", "1", "-Q", "default", "-I", "apps.messaging.tests.sample_tasks")
    with running(worker):
        spread("ready", worker)
        assert log_until(place, worker, "whispered INFO")
        call_command("broadcast", "log-level", "warning", stdout=StringIO())
        wait_until(lambda: "the log level of everything is now WARNING" in worker.output())
        call_command("broadcast", "log-level", "debug", "--logger", "apps.messaging", stdout=StringIO())
        assert log_until(place, worker, "whispered DEBUG")


def log_until(place: Place, worker: OwnProcess, words: str) -> bool:
    def look() -> bool:
        with place.connect() as connection:
            task: Any = current_app.tasks["apps.messaging.tests.sample_tasks.whisper_task"]
            task.apply_async(connection=connection, queue="default")
        return words in worker.output_while_alive()

    return wait_until(look)


def test_a_broadcast_that_can_t_be_read_is_passed_over(heard: list[Any]) -> None:
    unfit: list[Any] = [None, "x", [], {}, {"topic": "tested"}, {"topic": "tested", "facts": 3}]
    for payload in unfit:
        broadcasting.hear(payload)
    broadcasting.hear({"topic": "tested", "facts": {"n": 1}})
    assert heard == [{"n": 1}]


@pytest.mark.parametrize(
    ("topic", "facts", "problem"),
    [("Reload", {}, "topic"), ("", {}, "topic"), ("re.load", {}, "topic"),
     ("reload", {"at": object()}, "facts"), ("reload", {"x": "y" * 9000}, "facts")],
)  # fmt: skip
def test_what_can_t_be_said_is_refused(topic: str, facts: Any, problem: str) -> None:
    with pytest.raises(ArgumentError) as refused:
        broadcasting.send(topic, facts)
    assert list(refused.value.problems) == [problem]


def test_without_a_broker_it_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(current_app.conf, "broker_write_url", "amqp://127.0.0.1:9//")
    assert not broadcasting.send("reload")
    with pytest.raises(CommandError, match="did not take it") as error:
        call_command("broadcast", "log-level", "INFO")
    assert error.value.returncode == 1


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("log-level", "LOUD"), "level: expected one of DEBUG"),
        (("log-level", "INFO", "--logger", "a\tb"), "logger: expected"),
        (("send", "reload", "--facts", "{"), "facts: expected a JSON object"),
        (("send", "reload", "--facts", "[]"), "facts: expected a JSON object"),
        (("send", "log_level", "--facts", '{"level": 3}'), "level: expected one of"),
    ],
)
def test_the_command_refuses_bad_words(words: tuple[str, ...], problem: str) -> None:
    with pytest.raises(CommandError, match=problem) as error:
        call_command("broadcast", *words)
    assert error.value.returncode == 2


def test_the_command_says_what_it_sent(place: Place) -> None:
    place.declare()
    said = StringIO()
    call_command("broadcast", "send", "reload", "--facts", '{"what": "limits"}', "--json", stdout=said)
    assert json.loads(said.getvalue()) == {"topic": "reload", "facts": {"what": "limits"}}


def test_the_latest_level_is_applied_last() -> None:
    board = levels.Board()
    for name, level in (("", "INFO"), ("celery", "DEBUG"), ("", "WARNING")):
        board.write(name, level)
    assert list(board.levels.items()) == [("celery", "DEBUG"), ("", "WARNING")]


def test_levels_are_read_whole_by_whoever_shares_the_memory() -> None:
    board = levels.Board()
    reader = levels.Board()
    reader.memory = board.memory
    assert reader.news() == {}
    for number in range(50):
        board.write(f"shop.logger_{number:0100}"[:100], "DEBUG")
    board.write("", "INFO")
    assert reader.news()[""] == "INFO"
    assert reader.news() == {}
